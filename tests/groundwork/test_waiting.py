"""How often a condition is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from groundwork import waiting
from groundwork.waiting import INTERVAL_SECONDS, REST_SECONDS, RESTS, wait_until


class Clock:
    """Time that passes only where somebody sleeps or a question takes its time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rests: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now += seconds

    def question(self, took: float, holds_at: float) -> Callable[[], bool]:
        def ask() -> bool:
            self.now += took
            return self.now >= holds_at

        return ask


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(waiting, "time", made)
    return made


def test_what_holds_already_is_asked_once(clock: Clock) -> None:
    assert wait_until(clock.question(0.0, 0.0), 0)
    assert clock.rests == []


def test_a_cheap_question_is_asked_ten_times_a_second(clock: Clock) -> None:
    assert wait_until(clock.question(0.0, 1.0), 5)
    assert clock.now < 1.0 + 2 * INTERVAL_SECONDS
    assert set(clock.rests) == {INTERVAL_SECONDS}


def test_a_dear_question_takes_a_third_of_the_time(clock: Clock) -> None:
    assert wait_until(clock.question(0.5, 30.0), 60)
    assert set(clock.rests) == {RESTS * 0.5}


def test_it_never_rests_long(clock: Clock) -> None:
    assert wait_until(clock.question(20.0, 100.0), 200)
    assert set(clock.rests) == {REST_SECONDS}


def test_the_deadline_is_kept_and_it_is_asked_a_last_time(clock: Clock) -> None:
    assert not wait_until(clock.question(0.5, 1000.0), 10)
    assert clock.now < 10 + RESTS * 0.5 + 0.5 + INTERVAL_SECONDS
    assert wait_until(clock.question(0.5, 10.9), 10 + clock.now)
