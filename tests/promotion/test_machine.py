"""The states of a move."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promotion.machine import Event, NoSuchStepError, State, after

events = st.lists(st.sampled_from(Event), max_size=12)


def walked(path: list[Event]) -> list[State]:
    states = [State.CHECKING]
    for event in path:
        try:
            states.append(after(states[-1], event))
        except NoSuchStepError:
            continue
    return states


@given(events)
def test_nothing_is_promoted_without_gates_apply_and_analysis_in_this_order(path: list[Event]) -> None:
    states = walked(path)
    if State.PROMOTED in states:
        assert states == [State.CHECKING, State.APPLYING, State.ANALYSING, State.PROMOTED]


@given(events)
def test_whatever_was_changed_is_promoted_or_led_back(path: list[Event]) -> None:
    states = walked(path)
    if State.APPLYING in states and states[-1].over:
        assert states[-1] in {State.PROMOTED, State.ROLLED_BACK, State.STUCK}
        assert states[-1] is State.PROMOTED or State.ROLLING_BACK in states


@given(events)
def test_what_is_over_stays_over(path: list[Event]) -> None:
    last = walked(path)[-1]
    for event in Event:
        if last.over:
            with pytest.raises(NoSuchStepError):
                after(last, event)


@pytest.mark.parametrize("state", [state for state in State if not state.over])
def test_every_state_that_is_not_over_can_be_interrupted_and_fail(state: State) -> None:
    for event in (Event.INTERRUPTED, Event.FAILED):
        assert after(state, event) in State
