"""Reads loadtests/slo.yaml: what tenants are promised, and what of it a load run is held to.  (docs/slo.md)"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import yaml

from components.documents import DocumentError, Problem, Reader, closest, compose_all, place, read_text, validate
from components.units import parse_duration
from loadtests.openslo import KINDS, SLI, SLO, AlertCondition, AlertPolicy, Document, Service

FILE = Path(__file__).parent / "slo.yaml"
SHORT_WINDOW, MIN_FAILURES = "groundwork/short-window", "groundwork/min-failures"
# What recording rules begin with: rates over this. No window can be shorter.
SHORTEST = timedelta(minutes=5)
Kind = TypeVar("Kind", bound=Document)


@dataclass(frozen=True, kw_only=True)
class Burn:
    """The budget is spent `factor` times too fast, over `long` and over `short`."""

    name: str
    factor: float
    long: timedelta
    short: timedelta
    severity: str
    wait: timedelta


@dataclass(frozen=True, kw_only=True)
class Promise:
    """An objective with all that it points to. Queries are counters: `total` events, and `good` or `bad` of them.

    `within`: seconds, where good means in time. `target`: the least share of good events, over `period`.
    """

    name: str
    description: str
    service: str
    tier: str
    target: float
    within: float | None
    total: str
    good: str | None
    bad: str | None
    period: timedelta
    burns: tuple[Burn, ...]
    min_failures: int

    @property
    def budget(self) -> float:
        """The share of events that may be bad."""
        return round(1 - self.target, 9)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a load run of one tier must keep: this share of answers begins within `seconds`, without the model's time,
    and at most the share `errors` of requests fails.
    """

    tier: str
    seconds: float
    share: float
    errors: float

    def rules(self) -> dict[str, list[str]]:
        """The same in the load gate's grammar (loadtests/limits.py), by tier."""
        time = f"p({self.share * 100:g}) < {self.seconds * 1000:g}ms"
        return {
            f"latency{{tier:{self.tier}}}": [time],
            f"errors{{tier:{self.tier}}}": [f"rate < {self.errors * 100:g}%"],
        }


def limits(tier: str, path: Path = FILE) -> Limits:
    """What `tier` (standard, heavy) is promised. Raises DocumentError for a file or a tier that cannot be used."""
    promises = [each for each in load(path) if each.tier == tier]
    times = [each for each in promises if each.within is not None]
    shares = [each for each in promises if each.within is None]
    if len(times) != 1 or len(shares) != 1:
        what = f"tier {tier!r} has {len(times)} objectives of time and {len(shares)} of availability"
        raise DocumentError([Problem(what=what, where=str(path), allowed="one of each")])
    (time,), (share,) = times, shares
    return Limits(tier=tier, seconds=time.within or 0.0, share=time.target, errors=share.budget)


def load(path: Path = FILE) -> tuple[Promise, ...]:
    """The promises of a file, in its order. Raises DocumentError with everything that is wrong, by file and line."""
    return read(read_text(path, str(path)), str(path))


def read(text: str, source: str) -> tuple[Promise, ...]:
    """The promises of a text. `source`: the file's name for messages. Raises DocumentError."""
    return _Catalogue(text, source).promises()


class _Catalogue:
    """The documents of a file by kind and name, and what is wrong with them."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._problems: list[Problem] = []
        self._known: dict[tuple[type[Document], str], tuple[Document, yaml.Node]] = {}
        for root in compose_all(text, source):
            self._add(root)
        self._stop()

    def promises(self) -> tuple[Promise, ...]:
        """Every SLO, with what it points to."""
        made = [self._promise(document, root) for document, root in self._all(SLO)]
        self._stop()
        if not made:
            raise DocumentError([Problem(what="has no SLO", where=self._source)])
        return tuple(each for each in made if each is not None)

    def _add(self, root: yaml.Node) -> None:
        reader = Reader(self._source)
        data = reader.value(root)
        kind = data.get("kind") if isinstance(data, dict) else None
        model = KINDS.get(str(kind))
        if model is None:
            self._refuse(root, ("kind",), f"{kind!r} is no kind", ", ".join(KINDS), closest(str(kind), KINDS))
            return
        try:
            document = validate(model, data, root, self._source, reader.problems)
        except DocumentError as error:
            self._problems += error.problems
            return
        key = (model, document.metadata.name)
        if key in self._known:
            self._refuse(root, ("metadata", "name"), f"a second {kind} is called {key[1]}", None)
        self._known[key] = (document, root)

    def _promise(self, slo: SLO, root: yaml.Node) -> Promise | None:
        spec = slo.spec
        self._find(Service, spec.service, root, ("spec", "service"))
        sli = self._find(SLI, spec.indicator_ref, root, ("spec", "indicatorRef"))
        policy = self._find(AlertPolicy, spec.alert_policies[0], root, ("spec", "alertPolicies", 0))
        tier, objective = slo.metadata.labels.get("tier"), spec.objectives[0]
        if tier is None:
            self._refuse(root, ("metadata", "labels"), "has no label tier", None)
        if (objective.op is None) != (objective.value is None):
            self._refuse(root, ("spec", "objectives", 0), "op and value go together", "both, or neither")
        if tier is None or sli is None or policy is None:
            return None
        ratio = sli.spec.ratio_metric
        if (ratio.good is None) == (ratio.bad is None):
            self._refuse(self._root(sli), ("spec", "ratioMetric"), "needs good or bad", "one of the two")
        period = spec.time_window[0].duration
        burns = self._burns(policy)
        for burn in burns:
            self._possible(burn, slo, root, period)
        return Promise(
            name=slo.metadata.name,
            description=spec.description,
            service=spec.service,
            tier=tier,
            target=objective.target,
            within=objective.value,
            total=ratio.total.metric_source.spec.query,
            good=ratio.good.metric_source.spec.query if ratio.good else None,
            bad=ratio.bad.metric_source.spec.query if ratio.bad else None,
            period=period,
            burns=burns,
            min_failures=self._min_failures(policy),
        )

    def _possible(self, burn: Burn, slo: SLO, root: yaml.Node, period: timedelta) -> None:
        """Refuse what can never come true."""
        share = burn.factor * (1 - slo.spec.objectives[0].target)
        if share >= 1:
            self._refuse(
                root,
                ("spec", "objectives", 0, "target"),
                f"{burn.name} would need more than {share:.0%} of requests to fail, which cannot be",
                f"a target above {1 - 1 / burn.factor:.4g}, or a policy with smaller thresholds",
            )
        if burn.long > period:
            self._refuse(root, ("spec", "timeWindow", 0), f"{burn.name} looks back longer than the period", None)

    def _burns(self, policy: AlertPolicy) -> tuple[Burn, ...]:
        found = []
        for index, reference in enumerate(policy.spec.conditions):
            place_ = ("spec", "conditions", index, "conditionRef")
            condition = self._find(AlertCondition, reference.condition_ref, self._root(policy), place_)
            short = self._short_window(condition) if condition is not None else None
            if condition is not None and short is not None:
                burnt = condition.spec.condition
                found.append(
                    Burn(
                        name=condition.metadata.name,
                        factor=burnt.threshold,
                        long=burnt.lookback_window,
                        short=short,
                        severity=condition.spec.severity,
                        wait=burnt.alert_after,
                    )
                )
        return tuple(found)

    def _short_window(self, condition: AlertCondition) -> timedelta | None:
        root, path = self._root(condition), ("metadata", "annotations", SHORT_WINDOW)
        try:
            short = parse_duration(condition.metadata.annotations.get(SHORT_WINDOW))
        except ValueError as error:
            self._refuse(root, path, f"{SHORT_WINDOW}: {error}", "a duration, such as 5m")
            return None
        if not SHORTEST <= short < condition.spec.condition.lookback_window:
            self._refuse(root, path, f"{SHORT_WINDOW} is out of range", "from 5m to less than lookbackWindow")
        return short

    def _min_failures(self, policy: AlertPolicy) -> int:
        text = policy.metadata.annotations.get(MIN_FAILURES, "")
        if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 1000:
            path = ("metadata", "annotations", MIN_FAILURES)
            self._refuse(self._root(policy), path, f"{MIN_FAILURES} is {text!r}", "a whole number from 1 to 1000")
            return 1
        return int(text)

    def _find(self, kind: type[Kind], name: str, root: yaml.Node, path: tuple[str | int, ...]) -> Kind | None:
        names = [document.metadata.name for document, _ in self._all(kind)]
        document, _ = self._known.get((kind, name), (None, None))
        if isinstance(document, kind):
            return document
        allowed = ", ".join(names) or f"no {kind.__name__} is here"
        self._refuse(root, path, f"there is no {kind.__name__} called {name}", allowed, closest(name, names))
        return None

    def _all(self, kind: type[Kind]) -> list[tuple[Kind, yaml.Node]]:
        return [(document, root) for document, root in self._known.values() if isinstance(document, kind)]

    def _root(self, document: Document) -> yaml.Node:
        return self._known[type(document), document.metadata.name][1]

    def _refuse(
        self, root: yaml.Node, path: tuple[str | int, ...], what: str, allowed: str | None, fix: str | None = None
    ) -> None:
        problem = Problem(what=what, where=place(root, path, self._source), allowed=allowed, fix=fix)
        if problem not in self._problems:
            self._problems.append(problem)

    def _stop(self) -> None:
        if self._problems:
            raise DocumentError(sorted(self._problems, key=lambda each: int(each.where.rsplit(":", 2)[1])))
