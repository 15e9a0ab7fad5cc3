"""What every benchmark prints of a limit."""

from __future__ import annotations

from groundwork.verdict import Outcome


def row(name: str, figures: str, outcome: Outcome) -> str:
    """A line of the table."""
    return f"{name:34} {figures}  {outcome if outcome is Outcome.PASS else outcome.upper()}"


def held(fits: bool) -> Outcome:
    """Of a limit that is held or not."""
    return Outcome.PASS if fits else Outcome.FAIL
