"""What is remembered of decisions, and what ends it."""

from __future__ import annotations

import time

import pytest

from authorizer.asked import Asked, asked
from authorizer.decision import Decision
from authorizer.policy import MOST_REMEMBERED, Memory
from tests.images.authorizer.samples import seen

ALLOWED = Decision(allow=True, status=200, reason="allowed", message="", principal="key:a", until=None)
QUESTION = asked(seen(authorization="Bearer gw_a"))


@pytest.fixture
def memory() -> Memory:
    made = Memory(seconds=60)
    made.keep("acme", QUESTION, ALLOWED)
    return made


def test_the_same_question_has_the_same_answer(memory: Memory) -> None:
    again = asked(seen(authorization="Bearer gw_a", accept="*/*", path="/agents/concierge/v1/other"))
    assert memory.find("acme", again) == ALLOWED


@pytest.mark.parametrize(
    "other",
    [
        asked(seen(authorization="Bearer gw_b")),
        asked(seen(x_api_key="gw_a")),
        asked(seen()),
        asked(seen(authorization="Bearer gw_a", path="/agents/analyst/v1")),
        asked(seen(authorization="Bearer gw_a", path="/agents/concierge/../v1")),
        asked(seen(authorization="Bearer gw_a", host="chat.example.com")),
        asked(seen(authorization="Bearer gw_a", sni="globex.groundwork.test")),
    ],
    ids=["credential", "header", "none", "agent", "path", "host", "sni"],
)
def test_whatever_a_decision_depends_on_makes_another_question(memory: Memory, other: Asked) -> None:
    assert memory.find("acme", other) is None


def test_another_tenant_has_its_own(memory: Memory) -> None:
    assert memory.find("globex", QUESTION) is None
    memory.forget("globex")
    assert memory.find("acme", QUESTION) == ALLOWED


def test_a_change_forgets_at_once(memory: Memory) -> None:
    before = memory.version
    memory.forget("acme")
    assert memory.find("acme", QUESTION) is None
    assert memory.version > before


def test_no_answer_outlives_its_moment(memory: Memory) -> None:
    past = ALLOWED.model_copy(update={"until": time.time_ns() - 1})
    soon = ALLOWED.model_copy(update={"until": time.time_ns() + 30_000_000_000})
    memory.keep("acme", QUESTION, past)
    assert memory.find("acme", QUESTION) is None
    memory.keep("acme", QUESTION, soon)
    assert memory.find("acme", QUESTION) == soon


def test_nothing_is_remembered_longer_than_asked() -> None:
    memory = Memory(seconds=0)
    memory.keep("acme", QUESTION, ALLOWED)
    assert memory.find("acme", QUESTION) is None


def test_a_flood_of_credentials_fills_no_memory() -> None:
    memory = Memory(seconds=60)
    for number in range(MOST_REMEMBERED + 10):
        memory.keep("acme", asked(seen(authorization=f"Bearer {number}")), ALLOWED)
    assert memory.find("acme", asked(seen(authorization="Bearer 5"))) is None
    assert memory.find("acme", asked(seen(authorization=f"Bearer {MOST_REMEMBERED + 5}"))) == ALLOWED
