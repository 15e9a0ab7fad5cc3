"""The states of one promotion or rollback, and what leads from one to the next. Nothing here does anything."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a move is."""

    CHECKING = "checking"
    REFUSED = "refused"
    APPLYING = "applying"
    ANALYSING = "analysing"
    PROMOTED = "promoted"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"
    STUCK = "stuck"

    @property
    def over(self) -> bool:
        """Whether nothing more happens."""
        return not _NEXT[self]


class Event(StrEnum):
    """What happens to a move. `interrupted`: the process that made it is gone."""

    GATES_PASSED = "gates-passed"
    GATES_REFUSED = "gates-refused"
    APPLIED = "applied"
    FAILED = "failed"
    ANALYSIS_PASSED = "analysis-passed"
    ANALYSIS_REFUSED = "analysis-refused"
    INTERRUPTED = "interrupted"


# Whatever goes wrong once something was changed leads back. An interrupted roll-back rolls back again.
_NEXT: Mapping[State, Mapping[Event, State]] = {
    State.CHECKING: {
        Event.GATES_PASSED: State.APPLYING,
        Event.GATES_REFUSED: State.REFUSED,
        Event.FAILED: State.REFUSED,
        Event.INTERRUPTED: State.REFUSED,
    },
    State.APPLYING: {
        Event.APPLIED: State.ANALYSING,
        Event.ANALYSIS_REFUSED: State.ROLLING_BACK,
        Event.FAILED: State.ROLLING_BACK,
        Event.INTERRUPTED: State.ROLLING_BACK,
    },
    State.ANALYSING: {
        Event.ANALYSIS_PASSED: State.PROMOTED,
        Event.ANALYSIS_REFUSED: State.ROLLING_BACK,
        Event.FAILED: State.ROLLING_BACK,
        Event.INTERRUPTED: State.ROLLING_BACK,
    },
    State.ROLLING_BACK: {
        Event.APPLIED: State.ROLLED_BACK,
        Event.FAILED: State.STUCK,
        Event.INTERRUPTED: State.ROLLING_BACK,
    },
    State.REFUSED: {},
    State.PROMOTED: {},
    State.ROLLED_BACK: {},
    State.STUCK: {},
}


class NoSuchStepError(Exception):
    """An event that a state does not know."""


def after(state: State, event: Event) -> State:
    """The state that an event leads to. Raises NoSuchStepError."""
    try:
        return _NEXT[state][event]
    except KeyError:
        raise NoSuchStepError(f"{event} in state {state}") from None
