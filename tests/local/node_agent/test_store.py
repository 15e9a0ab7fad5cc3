"""What is followed, and when the agent is told."""

from __future__ import annotations

import time

import pytest

from local.node_agent.objects import Pod
from local.node_agent.store import Changes, Collection
from tests.local.node_agent.samples import pod


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def pods(changes: Changes) -> Collection[Pod]:
    found = Collection(Pod, "/api/v1/pods", changes)
    found.replace([pod("one", "10.244.0.2")])
    assert changes.wait(0)
    return found


def test_an_empty_first_list_is_told_too(changes: Changes) -> None:
    found = Collection(Pod, "/api/v1/pods", changes)
    states = [found.is_synced]
    found.replace([])
    states.append(found.is_synced)
    assert states == [False, True]
    assert changes.wait(0)


def test_a_change_that_does_not_matter_is_not_told(pods: Collection[Pod], changes: Changes) -> None:
    pods.change("MODIFIED", pod("one", "10.244.0.2"))
    pods.replace([pod("one", "10.244.0.2")])
    pods.change("DELETED", pod("other", ""))
    assert not changes.wait(0)


@pytest.mark.parametrize(
    ("kind", "item", "left"),
    [
        ("ADDED", pod("two", ""), {"one", "two"}),
        ("MODIFIED", pod("one", "10.244.0.2", {"app": "x"}), {"one"}),
        ("DELETED", pod("one", "10.244.0.2"), set()),
    ],
)
def test_a_change_that_matters_is_told(
    pods: Collection[Pod], changes: Changes, kind: str, item: Pod, left: set[str]
) -> None:
    pods.change(kind, item)
    assert changes.wait(0)
    assert {found.metadata.name for found in pods.objects()} == left


def test_a_fresh_list_forgets_what_is_gone(pods: Collection[Pod], changes: Changes) -> None:
    pods.replace([])
    assert changes.wait(0)
    assert pods.objects() == []


def test_a_rest_ends_when_something_urgent_comes_and_not_before(changes: Changes) -> None:
    changes.tell()
    started = time.monotonic()
    changes.rest(0.2)
    assert time.monotonic() - started >= 0.2
    changes.tell(urgent=True)
    changes.rest(60)
    assert time.monotonic() - started < 30
    assert changes.wait(0)
    assert not changes.wait(0)
