"""What every gate returns: an outcome, what was measured against which limit, and the digests of what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from pydantic import AwareDatetime, BaseModel, ConfigDict

from groundwork.errors import ExitCode


class Outcome(StrEnum):
    """How a check or a gate ended. No data, too few samples, an unknown value: `inconclusive`, never `pass`."""

    PASS = "pass"  # noqa: S105 – an outcome, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"

    @property
    def exit_code(self) -> ExitCode:
        """What a command ends with."""
        return {
            Outcome.PASS: ExitCode.PASS,
            Outcome.FAIL: ExitCode.FAIL,
            Outcome.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
            Outcome.ERROR: ExitCode.ERROR,
        }[self]


_WORST = (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.PASS)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Fail before error before inconclusive before pass; of none: inconclusive."""
    found = set(outcomes)
    return next((outcome for outcome in _WORST if outcome in found), Outcome.INCONCLUSIVE)


class Check(BaseModel):
    """One thing held to one limit. `measured`, `limit`: for people, with units; `why`: what else there is to say."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    outcome: Outcome
    measured: str = ""
    limit: str = ""
    why: str = ""


class Verdict(BaseModel):
    """A gate's document. `about`: what it speaks about → its digest; `at`: when it was measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gate: str
    environment: str
    outcome: Outcome
    at: AwareDatetime
    about: Mapping[str, str]
    checks: tuple[Check, ...]

    @classmethod
    def of(
        cls, gate: str, environment: str, at: datetime, about: Mapping[str, str], checks: Iterable[Check]
    ) -> Verdict:
        """The verdict that the checks come to."""
        every = tuple(checks)
        outcome = worst(check.outcome for check in every)
        return cls(gate=gate, environment=environment, outcome=outcome, at=at, about=about, checks=every)
