"""The life of a key: no order of events opens what was closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from components.gateway.keys import State, Wish, made, revoked, rotated, state, successor
from components.platform.specs import ApiKeySpec, RateLimit, Scope
from groundwork.errors import UserError

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SCOPE = Scope(org="acme", agents=["concierge"])
SPANS = st.timedeltas(timedelta(0), timedelta(days=2))


def spec(lifetime: timedelta | None = None) -> ApiKeySpec:
    return made(Wish(scope=SCOPE, lifetime=lifetime), START)[1]


def test_a_new_key_keeps_only_the_hash() -> None:
    key, kept = made(Wish(scope=SCOPE, lifetime=HOUR, rate_limit=RateLimit(requests_per_second=5), note="n"), START)
    assert kept.hash == key.hash
    assert key.secret not in kept.model_dump_json()
    assert kept.expires_at == START + HOUR
    assert state(kept, START) is State.ACTIVE


@pytest.mark.parametrize(
    ("after", "found"),
    [(timedelta(0), State.ACTIVE), (HOUR - timedelta.resolution, State.ACTIVE), (HOUR, State.EXPIRED)],
)
def test_an_end_belongs_to_what_comes_after_it(after: timedelta, found: State) -> None:
    assert state(spec(HOUR), START + after) is found


def test_rotation_keeps_what_the_key_was_for_and_ends_the_old_one() -> None:
    old = spec(HOUR)
    later = START + HOUR / 2
    _, new = made(successor(old, later), later)
    assert new.scope == old.scope
    assert new.expires_at == later + HOUR
    ended = rotated(old, "abcdefabcdef", timedelta(minutes=5), later)
    assert state(ended, later) is State.GRACE
    assert state(ended, later + timedelta(minutes=5)) is State.ENDED
    assert ended.successor == "abcdefabcdef"


def test_no_grace_ends_the_old_key_at_once() -> None:
    assert state(rotated(spec(), "abcdefabcdef", timedelta(0), START), START) is State.ENDED


@pytest.mark.parametrize(
    ("old", "words"),
    [
        (rotated(spec(), "abcdefabcdef", HOUR, START), "abcdefabcdef took its place"),
        (rotated(spec(), "abcdefabcdef", timedelta(0), START), "ended"),
        (revoked(spec(), "leaked", "me", START), "revoked"),
        (spec(timedelta(0)), "expired"),
    ],
)
def test_only_an_active_key_is_rotated(old: ApiKeySpec, words: str) -> None:
    with pytest.raises(UserError, match=words):
        successor(old, START)


def test_the_first_revocation_stays() -> None:
    first = revoked(spec(), "leaked", "ann", START)
    assert revoked(first, "again", "bob", START + HOUR) == first


@given(SPANS, SPANS)
def test_grace_never_outlives_the_key(lifetime: timedelta, grace: timedelta) -> None:
    ended = rotated(spec(lifetime), "abcdefabcdef", grace, START)
    assert not state(ended, START + min(lifetime, grace)).opens


class Life(RuleBasedStateMachine):
    """Time passes, keys are rotated and revoked in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.keys = [spec(timedelta(days=1)), spec()]
        self.closed: set[int] = set()

    @rule(span=SPANS)
    def wait(self, span: timedelta) -> None:
        self.now += span

    @rule(which=st.integers(0, 20), grace=SPANS)
    def rotate(self, which: int, grace: timedelta) -> None:
        old = self.keys[which % len(self.keys)]
        try:
            wish = successor(old, self.now)
        except UserError:
            assert state(old, self.now) is not State.ACTIVE
            return
        self.keys[which % len(self.keys)] = rotated(old, "abcdefabcdef", grace, self.now)
        self.keys.append(made(wish, self.now)[1])

    @rule(which=st.integers(0, 20))
    def revoke(self, which: int) -> None:
        index = which % len(self.keys)
        self.keys[index] = revoked(self.keys[index], "leaked", "me", self.now)
        assert not state(self.keys[index], self.now).opens

    @invariant()
    def what_is_closed_stays_closed(self) -> None:
        closed = {index for index, key in enumerate(self.keys) if not state(key, self.now).opens}
        assert self.closed <= closed
        self.closed = closed


TestLife = Life.TestCase
