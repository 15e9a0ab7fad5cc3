"""A load plan: who asks what, how often, for how long, and the limits that the answers are held to."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, model_validator

from components.documents import DocumentError, StrictModel, read_document, read_text
from components.problems import as_user_error
from components.units import Duration, Name, refusal
from groundwork.errors import UserError
from loadtests.limits import Limit, parse

PLANS = Path(__file__).parent / "plans"
MOST_SECONDS = 24 * 3600


class Request(StrictModel):
    """One kind of request. `expect`: text that an answer must have; `stream`: read it piece by piece.

    `{words:N}` in the body becomes N words.
    """

    method: Literal["GET", "POST"] = "POST"
    path: str = "/v1/invoke"
    body: str = ""
    stream: bool = False
    expect: str = ""


KINDS = {
    "short": Request(body='{"input": "When is breakfast?"}', expect='"output"'),
    "streaming": Request(
        path="/v1/chat/completions",
        body='{"stream": true, "messages": [{"role": "user", "content": "Tell me of the house {words:40}"}]}',
        stream=True,
        expect="[DONE]",
    ),
    "heavy": Request(body='{"input": "Sum this up: {words:1500}"}', expect='"output"'),
}


class Users(StrictModel):
    """Callers of one agent, with a key of their own. `mix`: kind → share; `weight`: their share of all requests."""

    tenant: Name
    agent: Name
    mix: dict[str, PositiveFloat] = Field(default={"short": 1.0}, min_length=1)
    weight: PositiveFloat = 1.0


class Soak(StrictModel):
    """The same level all the time."""

    kind: Literal["soak"]
    level: PositiveFloat


class Ramp(StrictModel):
    """From one level to another, evenly."""

    kind: Literal["ramp"]
    start: PositiveFloat
    end: PositiveFloat


class Spike(StrictModel):
    """A level, a much higher one for `length` in the middle, and back."""

    kind: Literal["spike"]
    level: PositiveFloat
    peak: PositiveFloat
    length: Duration


class Steps(StrictModel):
    """From `start` up by `step`, each for as long, to `end`: finds the knee where latency leaves its floor."""

    kind: Literal["steps"]
    start: PositiveFloat
    step: PositiveFloat
    end: PositiveFloat

    @model_validator(mode="after")
    def _rises(self) -> Steps:
        if self.end < self.start:
            raise refusal("end is below start", "an end at or above start")
        return self


Shape = Annotated[Soak | Ramp | Spike | Steps, Field(discriminator="kind")]


def _length(value: timedelta) -> timedelta:
    if not timedelta(seconds=1) <= value <= timedelta(seconds=MOST_SECONDS):
        raise refusal("is too short or too long", "1s to 24h")
    return value


class Plan(StrictModel):
    """`mode` open: level is requests a second, sent whatever the answers take; closed: level is users that wait.

    `slo`: what loadtests/slo.yaml promises of the agents' tiers is a limit too.
    `warmUp`: seconds at the front that do not count. `connections`: of all workers together, the most requests under
    way. `arrivals`: evenly spaced, or as independent callers come (Poisson, the same each run). `timeout`: of one.
    """

    name: Name
    mode: Literal["open", "closed"] = "open"
    arrivals: Literal["even", "poisson"] = "even"
    shape: Shape
    duration: Annotated[Duration, AfterValidator(_length)]
    warm_up: Duration = timedelta(0)
    pause: Duration = timedelta(0)
    timeout: Duration = timedelta(seconds=15)
    workers: Annotated[PositiveInt, Field(le=64)] = 1
    connections: Annotated[PositiveInt, Field(le=20_000)] = 64
    users: Annotated[tuple[Users, ...], Field(min_length=1)]
    requests: dict[str, Request] = Field(default={})
    limits: dict[str, tuple[str | Limit, ...]] = Field(default={})
    slo: bool = True

    @model_validator(mode="after")
    def _holds_together(self) -> Plan:
        if self.warm_up >= self.duration:
            raise refusal("warmUp leaves nothing to measure", "less than duration")
        known = KINDS | self.requests
        for users in self.users:
            for kind in users.mix:
                if kind not in known:
                    raise refusal(f"{kind!r} is no kind of request", ", ".join(known))
        names = [(users.tenant, users.agent) for users in self.users]
        if len(set(names)) != len(names):
            raise refusal("an agent stands twice in users", "each once")
        for metric, limits in self.limits.items():
            for limit in limits:
                parse(metric, limit)
        return self

    @property
    def kinds(self) -> dict[str, Request]:
        """All kinds of request by name, the plan's own over those that are built in."""
        return KINDS | self.requests

    @property
    def seconds(self) -> float:
        """The whole length, warm-up too."""
        return self.duration.total_seconds()

    @property
    def digest(self) -> str:
        """What was asked, so that only like runs are compared: all but its limits, as `sha256:…`."""
        text = self.model_dump_json(exclude={"limits", "slo"}, by_alias=True)
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def read_plan(name: str) -> Plan:
    """A plan by its name in loadtests/plans or by its file. Raises UserError."""
    file = PLANS / f"{name}.yaml" if "/" not in name and not name.endswith(".yaml") else Path(name)
    if not file.is_file():
        known = ", ".join(sorted(each.stem for each in PLANS.glob("*.yaml")))
        raise UserError(what=f"there is no load plan {name!r}", allowed=f"{known}, or a file", fix="docs/load.md")
    try:
        return read_document(Plan, read_text(file, str(file)), str(file))
    except DocumentError as error:
        raise as_user_error(error) from None
