"""When requests are meant to start."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from loadtests.shapes import Stage, arrivals, level, stages, total
from tests.loadtests import made

levels = st.floats(0.5, 200)
shapes = st.one_of(
    st.builds(lambda a: {"kind": "soak", "level": a}, levels),
    st.builds(lambda a, b: {"kind": "ramp", "start": a, "end": b}, levels, levels),
    st.builds(
        lambda a, b, c: {"kind": "spike", "level": a, "peak": b, "length": f"{c}s"}, levels, levels, st.integers(1, 40)
    ),
    st.builds(lambda a, b, c: {"kind": "steps", "start": a, "step": b, "end": a + c}, levels, levels, levels),
)


@settings(deadline=None, max_examples=60)
@given(shapes, st.integers(1, 30))
def test_even_arrivals_follow_the_level(shape: dict[str, object], seconds: int) -> None:
    plan = made.plan(shape=shape, duration=f"{seconds}s")
    parts = stages(plan)
    moments = list(arrivals(plan))
    assert abs(len(moments) - total(parts)) <= 1
    assert moments == sorted(moments)
    assert all(0 <= moment <= seconds for moment in moments)
    assert sum(stage.seconds for stage in parts) == pytest.approx(seconds)
    # The level's integral up to the nth arrival is n.
    for number in range(0, len(moments), max(1, len(moments) // 5)):
        assert _area(parts, moments[number]) == pytest.approx(number, abs=1e-4)


def _area(parts: list[Stage], moment: float) -> float:
    whole = 0.0
    for stage in parts:
        inside = min(moment, stage.seconds)
        end = stage.first + (stage.last - stage.first) * inside / stage.seconds
        whole += inside * (stage.first + end) / 2
        moment -= inside
    return whole


def test_poisson_arrivals_are_the_same_each_time_and_uneven() -> None:
    plan = made.plan(arrivals="poisson", duration="60s")
    moments = list(arrivals(plan))
    assert moments == list(arrivals(plan))
    assert len(moments) == pytest.approx(6000, rel=0.05)
    gaps = [b - a for a, b in pairwise(moments)]
    mean = sum(gaps) / len(gaps)
    assert sum((gap - mean) ** 2 for gap in gaps) / len(gaps) == pytest.approx(mean**2, rel=0.1)


def test_a_spike_is_in_the_middle() -> None:
    parts = stages(made.plan(shape={"kind": "spike", "level": 10, "peak": 40, "length": "4s"}, duration="20s"))
    assert [level(parts, moment) for moment in (0, 7.9, 8.1, 11.9, 12.1, 19.9, 20)] == [10, 10, 40, 40, 10, 10, 0]


def test_steps_reach_their_end() -> None:
    shape = {"kind": "steps", "start": 20, "step": 20, "end": 100}
    assert [stage.first for stage in stages(made.plan(shape=shape))] == [20, 40, 60, 80, 100]


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": {"kind": "steps", "start": 20, "step": 20, "end": 10}},
        {"warmUp": "20s"},
        {"duration": "0s"},
        {"users": []},
        {"users": [{"tenant": "acme", "agent": "concierge", "mix": {"odd": 1}}]},
        {"users": [{"tenant": "acme", "agent": "concierge"}] * 2},
        {"shape": {"kind": "soak", "level": 0}},
    ],
)
def test_plans_that_make_no_sense_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        made.plan(**changes)
