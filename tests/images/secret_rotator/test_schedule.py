"""When a secret is replaced: never early, always in time, and the value before stands for exactly its grace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secret_rotator.schedule import PREVIOUS, VALUE, Schedule, Step, rotated, without_previous

TIMES = st.integers(min_value=0, max_value=10**9)


@given(
    every=st.integers(min_value=2, max_value=10**6),
    part=st.floats(0, 0.99),
    made=TIMES,
    steps=st.lists(st.integers(0, 10**6), max_size=30),
)
def test_rounds_at_any_time_keep_the_promise(every: int, part: float, made: int, steps: list[int]) -> None:
    grace = int(every * part)
    fields, at, count = {VALUE: "0"}, made, 0
    now = made
    for step in steps:
        now += step
        schedule = Schedule(every=every, grace=grace, rotated=at)
        due = schedule.due(fields, now)
        if due is Step.ROTATE:
            assert now - at >= every
            count += 1
            fields, at = rotated(fields, str(count)), now
            assert fields == {VALUE: str(count), PREVIOUS: str(count - 1)}
        elif due is Step.END_GRACE:
            assert now - at >= grace
            fields = without_previous(fields)
            assert fields == {VALUE: str(count)}
        else:
            assert now - at < every
            assert PREVIOUS not in fields or now - at < grace


def test_a_secret_without_a_schedule_is_left_alone() -> None:
    assert Schedule.of({}, 0) is None


@pytest.mark.parametrize(
    "notes", [{"rotate_seconds": "x"}, {"rotate_seconds": "10", "grace_seconds": "10"}, {"rotate_seconds": "0"}]
)
def test_a_schedule_that_is_none_is_refused(notes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"could not convert|grace"):
        Schedule.of(notes, 0)


def test_other_fields_stay() -> None:
    assert rotated({"user": "a", VALUE: "1"}, "2") == {"user": "a", VALUE: "2", PREVIOUS: "1"}
    assert rotated({"user": "a"}, "2") == {"user": "a", VALUE: "2"}
