"""Admission and the session store hold their bounds whatever comes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.errors import ApiError
from agent_runtime.limits import Admission
from agent_runtime.models.base import Message
from agent_runtime.sessions import Bounds, SessionStore

BOUNDS = Bounds(sessions=3, messages_each=6, characters_each=40, characters=90)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(limit=st.integers(1, 5), gaps=st.lists(st.floats(0, 40), max_size=60))
def test_no_minute_has_more_requests_than_the_limit(limit: int, gaps: list[float]) -> None:
    clock, admitted = Clock(), list[float]()
    admission = Admission(concurrency=100, per_minute=limit, clock=clock)
    for gap in gaps:
        clock.now += gap
        try:
            with admission.admitted():
                admitted.append(clock.now)
        except ApiError as error:
            assert error.retry_after is not None
            assert 1 <= error.retry_after <= 60
    assert all(later - earlier >= 60 for earlier, later in zip(admitted, admitted[limit:], strict=False))


def test_waiting_as_long_as_told_is_enough() -> None:
    clock = Clock()
    admission = Admission(concurrency=1, per_minute=1, clock=clock)
    with admission.admitted():
        clock.now = 12.5
    with pytest.raises(ApiError) as refused, admission.admitted():
        pass
    clock.now += refused.value.retry_after or 0
    with admission.admitted():
        assert admission.in_flight == 1


def test_a_place_is_given_back_when_the_request_fails() -> None:
    admission = Admission(concurrency=1, per_minute=100)
    for _ in range(3):
        with pytest.raises(ValueError, match="boom"), admission.admitted():
            raise ValueError("boom")
    assert admission.in_flight == 0


def exchange(length: int) -> tuple[Message, Message]:
    return Message("user", "q" * length), Message("assistant", "a" * length)


@given(steps=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30), st.integers(0, 30)), max_size=50))
def test_the_store_stays_within_its_bounds(steps: list[tuple[int, int, int]]) -> None:
    clock = Clock()
    store = SessionStore(timedelta(seconds=100), BOUNDS, clock)
    ids: list[str | None] = [None] * 6
    for which, length, seconds in steps:
        clock.now += seconds
        ids[which] = store.remember(ids[which], *exchange(length))
        assert store.active() <= BOUNDS.sessions
        histories = [_history(store, each) for each in ids if each is not None]
        assert all(len(history) <= BOUNDS.messages_each for history in histories)
        lengths = [sum(len(message.content) for message in history) for history in histories]
        assert all(length <= BOUNDS.characters_each for length in lengths)
        assert sum(lengths) <= BOUNDS.characters


def _history(store: SessionStore, session_id: str) -> tuple[Message, ...]:
    try:
        return store.history(session_id)
    except KeyError:
        return ()


def test_the_newest_is_kept_in_order() -> None:
    store = SessionStore(timedelta(hours=1), BOUNDS)
    session = store.remember(None, Message("user", "1"), Message("assistant", "2"))
    for number in range(3, 11, 2):
        store.remember(session, Message("user", str(number)), Message("assistant", str(number + 1)))
    assert [message.content for message in store.history(session)] == ["5", "6", "7", "8", "9", "10"]


def test_a_session_expires_after_its_last_use() -> None:
    clock = Clock()
    store = SessionStore(timedelta(seconds=10), clock=clock)
    session = store.remember(None, *exchange(1))
    for _ in range(5):
        clock.now += 9
        assert len(store.history(session)) == 2
    clock.now += 10
    assert store.active() == 0
    with pytest.raises(KeyError):
        store.history(session)


def test_ids_cannot_be_guessed() -> None:
    store = SessionStore(timedelta(hours=1))
    ids = {store.remember(None, *exchange(1)) for _ in range(200)}
    assert len(ids) == 200
    assert min(map(len, ids)) >= 20
