"""Tells the chapters: each gate is asked and each move is made for real; what happened is held to what was to happen.

Nothing here decides what a gate says: a step passes where the gate's own verdict is the one that the chapter expects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from groundwork.errors import UserError
from groundwork.verdict import Check, Outcome, Verdict
from promotion.demo.chapters import Chapter, End, short
from promotion.machine import State
from promotion.moving import Outcomes
from promotion.settings import CHECKOUT, Move

# A gate that could not tell, as on a busy machine, is asked again, as its runbook says.
TRIES = 3


class Scene(Protocol):
    """Where it happens. All raise UserError for what could not be done."""

    @property
    def moves(self) -> Sequence[Move]:
        """The ways that bills go, one after the other."""

    def bill(self, chapter: Chapter) -> str:
        """Write a change down and sign its bill; the bill's digest."""

    def measure(self, gate: str, place: str, bill: str) -> Verdict:
        """Ask a gate about a bill in a place, and keep the verdict as signed evidence."""

    def approve(self, move: Move, bill: str, by: str) -> None:
        """Sign an approval."""

    def promote(self, move: Move, bill: str) -> Outcomes:
        """Move a bill, as `groundwork promote` does."""

    def serving(self, place: str) -> str:
        """The bill that is there."""

    def verify(self) -> Verdict:
        """Verify the audit log."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that was done. `outcome`: whether it went as expected."""

    chapter: str
    title: str
    expected: str
    seen: str
    outcome: Outcome
    why: str
    seconds: float

    @property
    def check(self) -> Check:
        """For the demo's own verdict."""
        name = f"{self.chapter}: {self.title}"
        return Check(name=name, outcome=self.outcome, measured=self.seen, limit=self.expected, why=self.why)


def tell(chapters: Sequence[Chapter], scene: Scene, say: Callable[[str], None]) -> Iterator[Step]:
    """All chapters and the log's verification; a chapter that goes another way ends there, and the next begins."""
    for number, chapter in enumerate(chapters, 1):
        say(f"\n{number} of {len(chapters)}. {chapter.title}: to be {chapter.ends} {_into(chapter.ends)}")
        for step in _chapter(chapter, scene):
            say(_line(step))
            yield step
    say("\nThe audit log of all that")
    step = _step("log", "verified, and an edit of a copy found", str(Outcome.PASS), lambda: _said(scene.verify()))
    say(_line(step))
    yield step


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a gate or a move came to. `bad`: its checks that are no pass."""

    seen: str
    bad: Sequence[Check] = ()


def _chapter(chapter: Chapter, scene: Scene) -> Iterator[Step]:
    bills: list[str] = []

    def written() -> Said:
        bills.append(scene.bill(chapter))
        return Said(seen="signed")

    first = _step(chapter.name, "the change's bill", "signed", written)
    yield first
    if first.outcome is not Outcome.PASS:
        return
    for move in chapter.moves(scene.moves):
        for step in _moved(chapter, move, bills[0], scene):
            yield step
            if step.outcome is not Outcome.PASS:
                return
    if chapter.ends.state is State.ROLLED_BACK:
        place = chapter.ends.target
        title = f"load in {short(place)}, which is as it was"
        yield _step(
            chapter.name, title, str(Outcome.PASS), lambda: _measured(scene, "load", place, scene.serving(place))
        )


def _moved(chapter: Chapter, move: Move, bill: str, scene: Scene) -> Iterator[Step]:
    last = move.target == chapter.ends.target
    place = move.target if move.origin == CHECKOUT else move.origin
    for gate in move.gates:
        expected = Outcome.FAIL if last and chapter.ends.by == gate else Outcome.PASS
        title = f"gate {gate} in {short(place)}"
        yield _step(chapter.name, title, str(expected), partial(_measured, scene, gate, place, bill))

    def promoted() -> Said:
        scene.approve(move, bill, chapter.approver)
        return _ended(scene.promote(move, bill))

    end = chapter.ends if last else End(target=move.target, state=State.PROMOTED)
    yield _step(chapter.name, f"into {short(move.target)}, approved by {chapter.approver}", str(end), promoted)


def _step(chapter: str, title: str, expected: str, do: Callable[[], Said]) -> Step:
    began = time.monotonic()
    said = Said(seen="")
    for _ in range(TRIES):
        try:
            said = do()
        except UserError as error:
            said = Said(seen=str(Outcome.ERROR), bad=[Check(name="error", outcome=Outcome.ERROR, why=str(error))])
        if said.seen == expected or not _unclear(said):
            break
    return Step(
        chapter=chapter,
        title=title,
        expected=expected,
        seen=said.seen,
        outcome=_held(said, expected),
        why="; ".join(f"{each.name}: {each.measured or each.outcome} {each.why}".strip() for each in said.bad),
        seconds=time.monotonic() - began,
    )


def _held(said: Said, expected: str) -> Outcome:
    if said.seen == expected:
        return Outcome.PASS
    if said.seen == str(Outcome.ERROR):
        return Outcome.ERROR
    return Outcome.INCONCLUSIVE if _unclear(said) else Outcome.FAIL


def _unclear(said: Said) -> bool:
    """Whether nothing was found wrong, but something could not be told."""
    return bool(said.bad) and all(each.outcome is Outcome.INCONCLUSIVE for each in said.bad)


def _measured(scene: Scene, gate: str, place: str, bill: str) -> Said:
    return _said(scene.measure(gate, place, bill))


def _said(verdict: Verdict) -> Said:
    return Said(seen=str(verdict.outcome), bad=_bad(verdict))


def _ended(outcome: Outcomes) -> Said:
    """How a move ended and by what: a gate, or what callers noticed, whose checks have the stage before their names."""
    bad = _bad(outcome.verdict)
    causes = sorted({"analysis" if ": " in each.name else each.name for each in bad})
    return Said(seen=str(End(target="", state=outcome.state, by=", ".join(causes))), bad=bad)


def _bad(verdict: Verdict) -> list[Check]:
    return [check for check in verdict.checks if check.outcome is not Outcome.PASS]


def _line(step: Step) -> str:
    mark = "✓" if step.outcome is Outcome.PASS else "✗"
    wrong = "" if step.outcome is Outcome.PASS else f", {step.expected} was expected"
    why = f"\n      {step.why[:400]}" if step.why else ""
    return f"  {mark} {step.title}: {step.seen}{wrong} ({step.seconds:.0f} s){why}"


def _into(end: End) -> str:
    return f"on the way into {short(end.target)}" if end.state is State.REFUSED else f"in {short(end.target)}"
