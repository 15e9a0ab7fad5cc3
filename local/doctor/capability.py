"""Which of the three ways to have a cluster a machine can go, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from groundwork.errors import ExitCode, UserError
from local.doctor.need import Need, State
from local.record import Way


@dataclass(frozen=True, kw_only=True)
class Capability:
    """The way `up` takes when it is not told. `needs`: all that was looked at."""

    way: Way
    needs: tuple[Need, ...]

    def blockers(self, way: Way) -> tuple[Need, ...]:
        """What stands in the way of one way, what cannot be mended first."""
        rows = (need for need in self.needs if need.state is State.MISSING and way in need.ways)
        return tuple(sorted(rows, key=lambda need: not need.lasting))

    def why(self) -> str | None:
        """Why it is not the real way; None where it is."""
        if self.way is Way.REAL:
            return None
        return "; ".join(f"{need.name}: {need.seen}" for need in self.blockers(Way.REAL) if need.lasting)

    def require(self, way: Way) -> None:
        """Raise UserError with all that stands in the way of `way`, and what to do about each."""
        rows = self.blockers(way)
        if not rows:
            return
        fixes = dict.fromkeys(need.fix for need in rows if need.fix is not None)
        raise UserError(
            what="; ".join(f"{need.name}: {need.seen}" for need in rows),
            where=f"{way.meaning} is not possible now",
            fix="; ".join(fixes),
        )

    @property
    def code(self) -> ExitCode:
        """0: the real way works. 99: it does not, but another does. 1: none does."""
        if not self.blockers(Way.REAL):
            return ExitCode.PASS
        return ExitCode.ERROR if all(self.blockers(way) for way in Way) else ExitCode.FAIL


def judge(needs: Iterable[Need]) -> Capability:
    """The real way, save where the machine can never go it: then the simulated one.

    What can be mended (a port in use, a full disk) does not change the way: it is to be said, not evaded.
    """
    rows = tuple(needs)
    never = any(need.lasting and need.state is State.MISSING and Way.REAL in need.ways for need in rows)
    return Capability(way=Way.SIMULATED if never else Way.REAL, needs=rows)
