"""What has to be shown before a bill may move, and whether what is there shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints

from groundwork.verdict import Check, Outcome, Verdict, worst
from promotion.signing import Role, Signed, Trust, Untrusted

EVIDENCE, APPROVAL, OVERRIDE = "evidence", "approval", "override"
BILL = "bill"
OVERRIDDEN = "OVERRIDDEN"
# Clocks of two machines may differ by so much; anything further in the future was not measured.
CLOCKS = timedelta(minutes=5)
LONGEST_OVERRIDE = timedelta(days=7)
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=10, max_length=500)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Evidence(_Frozen):
    """A gate's verdict on one bill, as a collector has seen it."""

    gate: str
    bill: str
    environment: str
    verdict: Verdict


class Approval(_Frozen):
    """Somebody lets one bill go from one environment to another."""

    bill: str
    origin: str
    target: str
    at: AwareDatetime
    expires: AwareDatetime


class Override(_Frozen):
    """Somebody lets one bill pass one gate that it has not passed, for a reason, until a moment."""

    gate: str
    bill: str
    target: str
    reason: Reason
    at: AwareDatetime
    expires: AwareDatetime


@dataclass(frozen=True, kw_only=True)
class Case:
    """One bill that wants to go from `origin` to `target`. `place`: the environment that its gates were measured in."""

    bill: str
    author: str
    origin: str
    target: str
    place: str
    now: datetime
    trust: Trust

    def evidence(self, gate: str, signed: Signed | None, fresh: timedelta) -> Check:
        """Whether a gate was passed: by this very bill, in this place, not too long ago, and not changed since."""
        limit = f"passed in {self.place}, no longer than {fresh} ago"
        if signed is None:
            return Check(name=gate, outcome=Outcome.INCONCLUSIVE, limit=limit, why="there is no evidence")
        try:
            found = self.trust.open(signed, EVIDENCE, Role.COLLECTOR, Evidence)
        except Untrusted as error:
            return Check(name=gate, outcome=Outcome.FAIL, limit=limit, why=f"it cannot be believed: {error}")
        wrong = self._wrong(gate, found)
        if wrong is not None:
            return Check(name=gate, outcome=Outcome.FAIL, limit=limit, why=wrong)
        unclear = self._unclear(found.verdict, fresh)
        if unclear is not None:
            return Check(name=gate, outcome=Outcome.INCONCLUSIVE, limit=limit, why=unclear)
        why = f"{len(found.verdict.checks)} checks, collected by {signed.by}"
        return Check(name=gate, outcome=found.verdict.outcome, limit=limit, why=why)

    def overridden(self, check: Check, signed: Signed | None) -> Check:
        """A check that an override lets pass, loudly; an override that does not serve says why not."""
        if check.outcome is Outcome.PASS or signed is None:
            return check
        try:
            found = self.trust.open(signed, OVERRIDE, Role.OVERRIDER, Override)
        except Untrusted as error:
            return _still(check, f"the override cannot be believed: {error}")
        if (found.gate, found.bill, found.target) != (check.name, self.bill, self.target):
            return _still(check, "the override is for something else")
        if found.expires <= self.now or found.at > self.now + CLOCKS:
            return _still(check, f"the override expired on {_time(found.expires)}")
        if found.expires - found.at > LONGEST_OVERRIDE:
            return _still(check, f"the override is for longer than {LONGEST_OVERRIDE.days} days")
        was = f"(was {check.outcome}: {check.why})"
        why = f"{OVERRIDDEN} by {signed.by} until {_time(found.expires)}: {found.reason} {was}"
        return check.model_copy(update={"outcome": Outcome.PASS, "why": why})

    def approval(self, signed: Signed | None) -> Check:
        """Whether somebody who may, and who is not the bill's author, has approved just this move."""
        outcome, why = self._approval(signed)
        return Check(name="approval", outcome=outcome, limit="by an approver who is not the author", why=why)

    def _wrong(self, gate: str, found: Evidence) -> str | None:
        verdict = found.verdict
        if gate not in {found.gate} & {verdict.gate}:
            return f"it is evidence of {verdict.gate}"
        if found.bill != self.bill or verdict.about.get(BILL) != self.bill:
            return f"it speaks about another bill: {verdict.about.get(BILL, 'none')}"
        if found.environment != self.place or verdict.environment != self.place:
            return f"it was measured in {verdict.environment}"
        return None

    def _unclear(self, verdict: Verdict, fresh: timedelta) -> str | None:
        if not verdict.checks or verdict.outcome is not worst(check.outcome for check in verdict.checks):
            return "nothing was measured, or its checks do not come to what it says"
        if verdict.at > self.now + CLOCKS:
            return "it is from the future"
        if self.now - verdict.at > fresh:
            return f"it is stale: of {_time(verdict.at)}"
        return None

    def _approval(self, signed: Signed | None) -> tuple[Outcome, str]:
        if signed is None:
            command = f"groundwork approve {self.bill} {self.origin} {self.target} --as NAME"
            return Outcome.INCONCLUSIVE, f"nobody has approved it: {command}"
        try:
            found = self.trust.open(signed, APPROVAL, Role.APPROVER, Approval)
        except Untrusted as error:
            return Outcome.FAIL, f"the approval cannot be believed: {error}"
        if signed.by == self.author:
            return Outcome.FAIL, f"{self.author} is the bill's author, and approves none of their own"
        if (found.bill, found.origin, found.target) != (self.bill, self.origin, self.target):
            return Outcome.FAIL, "the approval is for another bill or another move"
        if found.expires <= self.now or found.at > self.now + CLOCKS:
            return Outcome.INCONCLUSIVE, f"the approval expired on {_time(found.expires)}"
        return Outcome.PASS, f"approved by {signed.by}"


def check_soak(arrived: datetime | None, wanted: timedelta, now: datetime) -> Check:
    """Whether the bill has been where it is for long enough. `arrived`: None where it is not there."""
    limit = f"at least {wanted}"
    if arrived is None:
        return Check(name="soak", outcome=Outcome.INCONCLUSIVE, limit=limit, why="the bill is not there")
    stood = max(timedelta(0), now - arrived)
    outcome = Outcome.PASS if stood >= wanted else Outcome.INCONCLUSIVE
    return Check(name="soak", outcome=outcome, measured=str(stood), limit=limit, why="time in the environment before")


def _still(check: Check, why: str) -> Check:
    return check.model_copy(update={"why": f"{check.why}; {why}"})


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
