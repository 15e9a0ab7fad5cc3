"""Faults on the environment that is up: each is noticed as it should be, and nothing of it is left."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from loadtests.faults import node, pressure, proxy, state
from local.cluster import Cluster
from local.front_door import FrontDoor, front_door

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]

CONCIERGE = "https://acme.groundwork.test/agents/concierge/v1/invoke"
ACME = ("acme", "concierge")


@pytest.fixture(scope="module")
def door(cluster: Cluster) -> Iterator[FrontDoor]:
    with front_door(cluster, ["acme"]) as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    assert state.left() == []


def asked(door: FrontDoor) -> tuple[int, float]:
    """Status, and seconds."""
    begun = time.monotonic()
    return door.post("acme", CONCIERGE, {"input": "When is breakfast?"}).status_code, time.monotonic() - begun


def test_answers_are_slow_or_errors_as_long_as_the_fault_stands(door: FrontDoor) -> None:
    try:
        assert len(proxy.slow_answers(*ACME, milliseconds=1500)) >= 2
        status, seconds = asked(door)
        assert (status, seconds > 1.5) == (200, True)
        assert proxy.left()
        proxy.failing_answers(*ACME, status=502)
        assert asked(door)[0] == 502
    finally:
        proxy.mend_answers(*ACME)
    status, seconds = asked(door)
    assert (status, seconds < 1.5) == (200, True)


def test_memory_is_taken_of_the_containers_own_limit(door: FrontDoor) -> None:
    try:
        (pid,) = pressure.press_memory(*ACME, container="agent", seconds=20)
        assert all("kubepods" in group.parts for group in pressure.groups_of(pid))
        assert asked(door)[0] == 200
    finally:
        assert pressure.relieve() == 1


def test_agents_answer_without_the_api_server(door: FrontDoor) -> None:
    assert state.door_answers("acme")
    try:
        node.stop_service("kube-apiserver")
        assert node.service_is_down("kube-apiserver")
        assert state.door_answers("acme")
        assert asked(door)[0] == 200
    finally:
        node.start_service("kube-apiserver")
        assert node.api_answers()
        assert state.settled("acme")
