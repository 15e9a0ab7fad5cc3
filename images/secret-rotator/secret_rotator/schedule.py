"""When a secret is replaced, and when the value before it is taken away. Times are seconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

VALUE, PREVIOUS = "value", "previous"


class Step(StrEnum):
    """What is due."""

    NOTHING = "nothing"
    ROTATE = "rotate"
    END_GRACE = "end grace"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """`every`, `grace`: seconds; `rotated`: when the present value was made."""

    every: float
    grace: float
    rotated: float

    @classmethod
    def of(cls, notes: Mapping[str, object], written: float) -> Schedule | None:
        """From a secret's custom metadata; None where it has no schedule. Raises ValueError for one that is none.

        `written`: when its present version was, which counts where it was never rotated.
        """
        if "rotate_seconds" not in notes:
            return None
        every, grace = float(str(notes["rotate_seconds"])), float(str(notes.get("grace_seconds", 0)))
        if not 0 <= grace < every:
            raise ValueError("the grace is not shorter than the time between rotations")
        return cls(every=every, grace=grace, rotated=float(str(notes.get("rotated_at", written))))

    @property
    def ends(self) -> float:
        """When the present value should have been replaced."""
        return self.rotated + self.every

    def due(self, fields: Mapping[str, str], now: float) -> Step:
        """What is to be done with a secret that has these fields."""
        if now >= self.ends:
            return Step.ROTATE
        if PREVIOUS in fields and now >= self.rotated + self.grace:
            return Step.END_GRACE
        return Step.NOTHING


def rotated(fields: Mapping[str, str], new: str) -> dict[str, str]:
    """The fields after a rotation: the value before stands beside the new one for its grace."""
    kept = {PREVIOUS: fields[VALUE]} if VALUE in fields else {}
    return {**fields, VALUE: new, **kept}


def without_previous(fields: Mapping[str, str]) -> dict[str, str]:
    """The fields after the grace."""
    return {name: text for name, text in fields.items() if name != PREVIOUS}
