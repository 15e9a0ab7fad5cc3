"""The grammar of limits: k6's (`p(99) < 200ms`), with windows, least samples and comparison with an earlier run.

latency{tenant:acme}: ["p(99) < 200ms", {limit: "p(95) < 100ms", window: 10s, minSamples: 200}]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from operator import ge, gt, le, lt

from pydantic import Field, NonNegativeFloat, PositiveInt

from components.documents import StrictModel
from components.units import Duration, refusal

METRICS = {
    "latency": "seconds from the intended start to the last byte, of what was answered well",
    "first": "seconds from the intended start to the first piece of a stream, of what was answered well",
    "errors": "requests without a good answer",
    "requests": "all requests",
}
TAGS = ("tenant", "agent", "kind", "tier")
_UNITS = {"": 0.001, "ms": 0.001, "s": 1.0, "us": 0.000001}
_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_METRIC = re.compile(r"(?P<name>[a-z]+)(\{(?P<tags>[^{}]*)\})?")
_LIMIT = re.compile(
    r"\s*(?P<how>avg|min|med|max|rate|count|p\((?P<p>\d{1,3}(\.\d+)?)\))\s*(?P<op><=|>=|<|>)\s*"
    r"(?P<value>\d+(\.\d+)?)\s*(?P<unit>us|ms|s|%|)\s*"
)
GRAMMAR = "avg, min, med, max or p(0–100) < 200ms (or s, us) on a time; rate < 0.1% or count < 5 on errors, requests"
# How many samples must lie beyond a percentile before it is one: 500 for p(99), 5,000 for p(99.9).
BEYOND = 5


class Limit(StrictModel):
    """`window`: it must hold in each stretch of that length, not over the whole run.

    `minSamples`: fewer give no verdict; what the statistic itself needs if none is named. `within`: beside its own
    limit, no worse than an earlier passing run by more than this share, beyond the noise of both. `abort`: end the run
    as soon as it cannot be held any more.
    """

    limit: str
    window: Duration | None = None
    min_samples: PositiveInt | None = None
    within: NonNegativeFloat | None = Field(default=None, le=10)
    abort: bool = True


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A limit that was understood. `value`: seconds, a share, a count, or a number a second.

    `how`: p, avg, min, max, rate or count; `share`: 0 to 1, for p. `window`: seconds.
    """

    text: str
    metric: str
    tags: Mapping[str, str]
    how: str
    share: float
    operator: str
    value: float
    window: float | None
    min_samples: int
    within: float | None
    abort: bool

    def holds(self, measured: float) -> bool:
        """Whether a value keeps the limit."""
        return _OPERATORS[self.operator](measured, self.value)

    @property
    def upper(self) -> bool:
        """Whether less is better."""
        return self.operator.startswith("<")


def parse(metric: str, limit: str | Limit) -> Rule:
    """Understand one limit. Raises a refusal that names what is allowed."""
    wanted = limit if isinstance(limit, Limit) else Limit(limit=limit)
    name, tags = _metric(metric)
    found = _LIMIT.fullmatch(wanted.limit)
    if found is None:
        raise refusal(f"{wanted.limit!r} is not a limit", GRAMMAR)
    how, share = ("p", float(found["p"]) / 100) if found["p"] else (found["how"], 0.0)
    how, share = ("p", 0.5) if how == "med" else (how, share)
    timed = name in {"latency", "first"}
    if timed == (how in {"rate", "count"}) or share > 1:
        raise refusal(f"{wanted.limit!r} does not fit {name}", GRAMMAR)
    if wanted.within is not None and (not timed or wanted.window is not None):
        raise refusal("within compares a time over a whole run", "latency or first, without window")
    value = float(found["value"])
    if timed:
        if found["unit"] == "%":
            raise refusal(f"{wanted.limit!r}: a time has no %", "us, ms, s")
        value *= _UNITS[found["unit"]]
    elif found["unit"] == "%":
        value /= 100
    elif found["unit"]:
        raise refusal(f"{wanted.limit!r}: not a time", "a number or %")
    rule = Rule(
        text=f"{metric}: {wanted.limit.strip()}"
        + (f" in each {wanted.window.total_seconds():g} s" if wanted.window else ""),
        metric=name,
        tags=tags,
        how=how,
        share=share,
        operator=found["op"],
        value=value,
        window=wanted.window.total_seconds() if wanted.window else None,
        min_samples=0,
        within=wanted.within,
        abort=wanted.abort,
    )
    return Rule(**{**vars(rule), "min_samples": wanted.min_samples or least_samples(rule)})


def least_samples(rule: Rule) -> int:
    """What a statistic needs before it says something.

    A percentile: some samples beyond it. A rate below r: 3/r, as then no error at all means less than r with 95 %
    confidence (the rule of three). Others: 1.
    """
    if rule.how == "p" and 0 < rule.share < 1:
        return ceil(round(BEYOND / min(rule.share, 1 - rule.share), 6))
    if rule.metric == "errors" and rule.how == "rate" and rule.upper and 0 < rule.value < 1:
        return ceil(round(3 / rule.value, 6))
    return 1


def _metric(text: str) -> tuple[str, dict[str, str]]:
    found = _METRIC.fullmatch(text.replace(" ", ""))
    if found is None or found["name"] not in METRICS:
        raise refusal(f"{text!r} is not a metric", ", ".join(METRICS) + ", with {tenant:…} or other tags")
    tags: dict[str, str] = {}
    for part in (found["tags"] or "").split(","):
        key, colon, value = part.partition(":")
        if part and (key not in TAGS or not colon or not value):
            raise refusal(f"{part!r} is not a tag", ", ".join(f"{tag}:…" for tag in TAGS))
        if part:
            tags[key] = value
    return found["name"], tags
