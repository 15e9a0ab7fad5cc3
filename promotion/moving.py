"""Moves a bill into an environment: gates, approval, apply, analysis, and back again where anything fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from groundwork.verdict import Check, Outcome, Verdict
from promotion.bill import Bill
from promotion.evidence import APPROVAL, BILL, EVIDENCE, OVERRIDDEN, OVERRIDE, Case, check_soak
from promotion.machine import Event, State, after
from promotion.office import PROMOTED, RESTORED, STAGE, Arrival, Journal, Office
from promotion.settings import CHECKOUT, Move, Shift
from promotion.shift import Stage


class Applier(Protocol):
    """Makes an environment what a bill says. Both raise UserError where it is not what the bill says then."""

    def apply(self, environment: str, bill: Bill) -> None:
        """At once, also from the middle of a shift: its candidates get no more requests, and go. Can be run again."""

    def shift(self, environment: str, serving: Bill, bill: Bill, percents: Sequence[int]) -> Iterator[Stage]:
        """From the bill that serves, stage by stage; each is over when it is yielded."""


class Analysis(Protocol):
    """What callers notice while and after a bill is applied."""

    def now(self, shift: Shift) -> Verdict:
        """Of the time from here on: waits until enough was seen, or what was seen is enough to say no."""

    def verdict(self) -> Verdict:
        """Of all the time from the beginning to here."""


class Analyser(Protocol):
    """Watches an environment while it is changed."""

    def watching(self, environment: str, bill: str, plan: str) -> AbstractContextManager[Analysis]:
        """Watches from here to the block's end, whatever happens in it."""


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """How a move ended. `verdict`: of the gates and, where it came so far, of the analysis."""

    state: State
    bill: str
    verdict: Verdict

    @property
    def exit_code(self) -> ExitCode:
        """Refused for want of evidence is inconclusive; whatever was rolled back has failed."""
        match self.state:
            case State.PROMOTED:
                return ExitCode.PASS
            case State.REFUSED:
                return self.verdict.outcome.exit_code
            case State.STUCK:
                return ExitCode.ERROR
        return ExitCode.FAIL


@dataclass(frozen=True, kw_only=True)
class Mover:
    """Promotes and rolls back. `now`: the time."""

    office: Office
    applier: Applier
    analyser: Analyser
    progress: Progress
    now: Callable[[], datetime]

    def promote(self, move: Move, digest: str | None, by: str) -> Outcomes:
        """Move a bill; `digest`: None for the one in the move's origin. Raises UserError where there is none."""
        with self._turn(move.target):
            bill, author = self.office.bill(self._digest(move, digest))
            verdict = self._gates(move, bill, author)
            journal = self._begin(move.target, bill.digest, by)
            if verdict.outcome is not Outcome.PASS:
                self._step(journal, Event.GATES_REFUSED, why=_why(verdict))
                return Outcomes(state=State.REFUSED, bill=bill.digest, verdict=verdict)
            self._say_overrides(verdict, by, move.target, bill.digest)
            return self._apply(self._step(journal, Event.GATES_PASSED), bill, move, verdict)

    def rollback(self, environment: str, to: int | None, by: str, reason: str) -> Outcomes:
        """Back to an earlier bill, the one before the present where none is named. No gate: it was there before.

        Raises UserError where there is no such bill.
        """
        with self._turn(environment):
            bill, _ = self.office.bill(self._earlier(environment, to).bill)
            checks = [Check(name="rollback", outcome=Outcome.PASS, why=reason)]
            verdict = Verdict.of("rollback", environment, self.now(), {BILL: bill.digest}, checks)
            journal = self._step(self._begin(environment, bill.digest, by), Event.GATES_PASSED)
            try:
                self.applier.apply(environment, bill)
            except UserError as error:
                return self._back(self._step(journal, Event.FAILED, why=str(error)), verdict)
            journal = self._step(self._step(journal, Event.APPLIED), Event.ANALYSIS_PASSED)
            self.office.record(self.now(), RESTORED, by, environment, bill=bill.digest, reason=reason)
            return Outcomes(state=journal.state, bill=bill.digest, verdict=verdict)

    @contextmanager
    def _turn(self, environment: str) -> Iterator[None]:
        """The environment is this process's; a move that was interrupted is taken back first."""

        def waiting() -> None:
            self.progress.say(f"another move into {environment} is under way: waiting for it")

        with self.office.turn(environment, waiting):
            # Nothing moves on a log that cannot be believed: what is where would be unknown.
            self.office.log.entries()
            left = self.office.journal(environment)
            if left is not None and not left.state.over:
                self.progress.say(f"a move into {environment} was interrupted ({left.state})")
                journal = self._step(left, Event.INTERRUPTED)
                if journal.state is State.ROLLING_BACK:
                    checks = [Check(name="interrupted", outcome=Outcome.ERROR)]
                    self._back(journal, Verdict.of("promotion", environment, self.now(), {}, checks))
            yield

    def _digest(self, move: Move, digest: str | None) -> str:
        if move.origin == CHECKOUT:
            return digest or "last"
        there = self.office.arrivals(move.origin)
        if not there:
            raise UserError(what=f"no bill is in {move.origin}", fix=f"groundwork promote {CHECKOUT} {move.origin}")
        if digest is not None and self.office.bill(digest)[0].digest != there[-1].bill:
            raise UserError(what=f"in {move.origin} is {there[-1].bill}, not {digest}", fix="promote what is there")
        return there[-1].bill

    def _gates(self, move: Move, bill: Bill, author: str) -> Verdict:
        """Every gate, the time in the environment before, and the approval."""
        office, digest = self.office, bill.digest
        place = move.target if move.origin == CHECKOUT else move.origin
        case = Case(
            bill=digest,
            author=author,
            origin=move.origin,
            target=move.target,
            place=place,
            now=self.now(),
            trust=office.trust,
        )
        checks = [
            case.evidence(gate, office.find(EVIDENCE, digest, place, gate), fresh) for gate, fresh in move.gates.items()
        ]
        if move.soak:
            there = next((each for each in reversed(office.arrivals(move.origin)) if each.bill == digest), None)
            checks.append(check_soak(there.at if there else None, move.soak, case.now))
        checks = [case.overridden(check, office.find(OVERRIDE, digest, move.target, check.name)) for check in checks]
        # No override replaces an approval: that is a person's own decision already.
        checks.append(case.approval(office.find(APPROVAL, digest, move.origin, move.target)))
        return Verdict.of("promotion", move.target, case.now, {BILL: digest}, checks)

    def _apply(self, journal: Journal, bill: Bill, move: Move, gates: Verdict) -> Outcomes:
        """Apply under the eyes of the analysis; anything that goes wrong leads back, also Ctrl-C."""
        began = journal
        try:
            with self.analyser.watching(journal.environment, bill.digest, move.analysis) as analysis:
                try:
                    journal, when, seen = self._watched(journal, bill, move.shift, analysis)
                except UserError as error:
                    verdict = self._with(gates, [Check(name="apply", outcome=Outcome.ERROR, why=str(error))])
                    return self._abandon(began, verdict, str(error))
                named = [each.model_copy(update={"name": f"{when}: {each.name}"}) for each in seen.checks]
                verdict = self._with(gates, named)
                # Callers are still asking: what they must not notice is the way back too.
                if seen.outcome is not Outcome.PASS:
                    return self._back(self._step(journal, Event.ANALYSIS_REFUSED, why=f"{when}: {_why(seen)}"), verdict)
        except BaseException:
            if not self._left(began).state.over:
                self._abandon(began, gates, "interrupted")
            raise
        journal = self._step(journal, Event.ANALYSIS_PASSED)
        self.office.record(self.now(), PROMOTED, journal.by, journal.environment, bill=bill.digest)
        return Outcomes(state=journal.state, bill=bill.digest, verdict=verdict)

    def _watched(
        self, journal: Journal, bill: Bill, shift: Shift | None, analysis: Analysis
    ) -> tuple[Journal, str, Verdict]:
        """Apply, and what callers noticed when it ended: after the last stage, or in one that they did not like."""
        environment = journal.environment
        if shift is None or journal.previous is None or journal.previous == bill.digest:
            # Not wanted, or nothing to shift from: there is no other version, or none that anybody wrote down.
            self.applier.apply(environment, bill)
        else:
            serving, _ = self.office.bill(journal.previous)
            for stage in self.applier.shift(environment, serving, bill, shift.percents):
                self.office.record(self.now(), STAGE, journal.by, environment, bill=bill.digest, stage=str(stage))
                if stage.analysed:
                    seen = analysis.now(shift)
                    if seen.outcome is not Outcome.PASS:
                        return journal, str(stage), seen
        return self._step(journal, Event.APPLIED), "after", analysis.verdict()

    def _left(self, journal: Journal) -> Journal:
        """The move as it was left: in the journal, whatever had been done of it."""
        return self.office.journal(journal.environment) or journal

    def _abandon(self, journal: Journal, verdict: Verdict, why: str) -> Outcomes:
        """Take a move back from wherever it is."""
        left = self._left(journal)
        event = Event.INTERRUPTED if left.state is State.ROLLING_BACK else Event.FAILED
        return self._back(self._step(left, event, why=why), verdict)

    def _back(self, journal: Journal, verdict: Verdict) -> Outcomes:
        """Make the environment what it was before."""
        self.progress.say(
            f"{journal.environment}: rolling back to {journal.previous or 'nothing: there is no earlier bill'}"
        )
        try:
            if journal.previous is None:
                raise UserError(what="there is no earlier bill to go back to")
            self.applier.apply(journal.environment, self.office.bill(journal.previous)[0])
        except UserError as error:
            journal = self._step(journal, Event.FAILED, why=str(error))
        else:
            journal = self._step(journal, Event.APPLIED)
        return Outcomes(state=journal.state, bill=journal.bill, verdict=verdict)

    def _begin(self, environment: str, bill: str, by: str) -> Journal:
        there = self.office.arrivals(environment)
        journal = Journal(
            environment=environment,
            bill=bill,
            previous=there[-1].bill if there else None,
            by=by,
            state=State.CHECKING,
            at=self.now(),
        )
        self.office.write(journal)
        return journal

    def _step(self, journal: Journal, event: Event, why: str = "") -> Journal:
        """The next state: in the journal and in the log before anything is done in it."""
        moved = journal.model_copy(update={"state": after(journal.state, event), "at": self.now()})
        data = {"bill": moved.bill, "state": str(moved.state)} | ({"why": why[:2000]} if why else {})
        self.office.record(moved.at, str(event), moved.by, moved.environment, **data)
        self.office.write(moved)
        return moved

    def _earlier(self, environment: str, to: int | None) -> Arrival:
        there = self.office.arrivals(environment)
        present = there[-1].bill if there else None
        if to is None:
            found = next((each for each in reversed(there) if each.bill != present), None)
        else:
            found = next((each for each in there if each.number == to), None)
        if found is None:
            known = ", ".join(str(each.number) for each in there) or "none"
            raise UserError(
                what=f"{environment} has no such earlier bill", allowed=known, fix="groundwork bill history"
            )
        return found

    def _say_overrides(self, verdict: Verdict, by: str, environment: str, bill: str) -> None:
        for check in verdict.checks:
            if check.why.startswith(OVERRIDDEN):
                self.progress.say(f"!!! gate {check.name} of {environment} {check.why}")
                self.office.record(
                    self.now(), "override-used", by, environment, bill=bill, gate=check.name, why=check.why
                )

    def _with(self, verdict: Verdict, more: list[Check]) -> Verdict:
        checks = (*verdict.checks, *more)
        return Verdict.of(verdict.gate, verdict.environment, self.now(), verdict.about, checks)


def _why(verdict: Verdict) -> str:
    bad = [
        f"{check.name}: {check.outcome}: {check.why}" for check in verdict.checks if check.outcome is not Outcome.PASS
    ]
    return "; ".join(bad)
