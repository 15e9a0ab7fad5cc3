"""What one worker process is told, and what it says back: one JSON document a line, over its standard streams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from loadtests.plan import Plan


class Series(NamedTuple):
    """What samples are told apart by."""

    tenant: str
    agent: str
    kind: str
    tier: str


class Caller(BaseModel):
    """Where one of the plan's users asks. `key`: its API key, empty for none; `address`: without a `/` at its end."""

    model_config = ConfigDict(frozen=True)

    address: str
    key: str = ""
    tier: str = "standard"


class Job(BaseModel):
    """One worker's part: every `count`th arrival from the `index`th.

    `callers`: as many as the plan's users, in their order. `connect`: host → address to connect to in place of asking a
    name server; `authority`: PEM, trusted for https; none: what the machine trusts.
    """

    model_config = ConfigDict(frozen=True)

    plan: Plan
    callers: tuple[Caller, ...]
    index: int
    count: int
    connect: Mapping[str, str] = {}
    authority: str | None = None


class Start(BaseModel):
    """The second line, once every worker has said that it is ready. `at`: Unix time of the run's start."""

    model_config = ConfigDict(frozen=True)

    at: float


class Row(NamedTuple):
    """One request. Times are µs; `intended`: from the run's start; `late`: how long after it sending began.

    `first`: to a stream's first piece, 0 for others; `waited`: 1 where it was late because no connection was free.
    """

    series: int
    intended: int
    latency: int
    first: int
    late: int
    waited: int
    error: str


@dataclass(frozen=True, kw_only=True)
class WorkerEnd:
    """How a worker ended. `processor`: seconds of processor time; `seconds`: from its first request to its last."""

    index: int
    processor: float
    seconds: float


def series(plan: Plan, callers: tuple[Caller, ...]) -> list[Series]:
    """All that the plan tells apart, in the order that `Row.series` counts in."""
    return [
        Series(users.tenant, users.agent, kind, caller.tier)
        for users, caller in zip(plan.users, callers, strict=True)
        for kind in users.mix
    ]
