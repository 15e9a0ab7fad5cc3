"""Services of type LoadBalancer answer on 127.0.0.1, one for each port, and say why where they do not."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from groundwork.waiting import wait_until
from tests.cluster import probes
from tests.cluster.node import SETTINGS, bring_up, kubectl
from tests.cluster.probes import TCP, apply, node_reaches

pytestmark = pytest.mark.cluster

PORT, TAKEN, UNTAKEN = 18443, 18444, 18445
HERE = "127.0.0.1"
SYSTEM = "kube-system"
# Seconds till the node's agent has done what is asked of it.
DONE = 60.0
NAMES = ("one", "first", "second", "late", "other", "ours", "turned")


@pytest.fixture(scope="module")
def home() -> Iterator[str]:
    """A namespace that admission does not ask about: elsewhere it refuses what these tests are about."""
    bring_up()
    apply(SYSTEM, probes.pod("server", {"app": "server"}))
    try:
        probes.wait_ready(SYSTEM, "server")
        yield SYSTEM
    finally:
        kubectl("delete", "-n", SYSTEM, "pod/server", "--ignore-not-found", "--wait=false")
        kubectl("delete", "service", "-n", SYSTEM, *NAMES, "--ignore-not-found")


def service(name: str, port: int, kind: str = "LoadBalancer", **extra: object) -> dict[str, object]:
    spec = {"type": kind, "selector": {"app": "server"}, "ports": [{"port": port, "targetPort": TCP}], **extra}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def addresses(home: str, name: str) -> list[str]:
    found = json.loads(kubectl("get", "service", "-n", home, name, "-o", "json").stdout)
    return [row["ip"] for row in found["status"]["loadBalancer"].get("ingress", [])]


def warnings(home: str, name: str) -> str:
    found = json.loads(kubectl("get", "events", "-n", home, "-o", "json").stdout)["items"]
    return " ".join(row["message"] for row in found if row["involvedObject"]["name"] == name)


@pytest.mark.parametrize("policy", ["Cluster", "Local"])
def test_it_answers_on_loopback_and_nowhere_else(home: str, policy: str) -> None:
    apply(home, service("one", PORT, externalTrafficPolicy=policy))
    assert wait_until(lambda: addresses(home, "one") == [HERE], DONE)
    assert wait_until(lambda: node_reaches(HERE, PORT), DONE)
    assert not node_reaches(SETTINGS.address, PORT)
    assert not probes.reaches(home, "server", SETTINGS.address, PORT)
    kubectl("delete", "service", "-n", home, "one")
    assert wait_until(lambda: not node_reaches(HERE, PORT), DONE)


def test_the_second_on_a_port_waits_and_says_for_whom_until_the_first_is_gone(home: str) -> None:
    apply(home, service("first", PORT))
    assert wait_until(lambda: addresses(home, "first") == [HERE], DONE)
    apply(home, service("second", PORT))
    assert wait_until(lambda: f"is served for {home}/first" in warnings(home, "second"), DONE)
    assert addresses(home, "second") == []
    kubectl("delete", "service", "-n", home, "first")
    assert wait_until(lambda: addresses(home, "second") == [HERE], DONE)
    assert wait_until(lambda: node_reaches(HERE, PORT), DONE)
    kubectl("delete", "service", "-n", home, "second")


def test_a_port_of_a_program_of_this_machine_is_left_alone_until_it_is_free(home: str) -> None:
    with socket.create_server((HERE, TAKEN)):
        apply(home, service("late", TAKEN))
        assert wait_until(lambda: "in use by a program of this machine" in warnings(home, "late"), DONE)
        assert addresses(home, "late") == []
    assert wait_until(lambda: addresses(home, "late") == [HERE], DONE)
    kubectl("delete", "service", "-n", home, "late")


def test_another_load_balancers_services_are_left_alone(home: str) -> None:
    apply(home, service("other", UNTAKEN, loadBalancerClass="groundwork.test/other"), service("ours", PORT))
    assert wait_until(lambda: addresses(home, "ours") == [HERE], DONE)
    assert addresses(home, "other") == []
    kubectl("delete", "service", "-n", home, "other", "ours")


def test_a_service_that_is_no_load_balancer_any_more_loses_its_address(home: str) -> None:
    apply(home, service("turned", PORT))
    assert wait_until(lambda: addresses(home, "turned") == [HERE], DONE)
    apply(home, service("turned", PORT, kind="ClusterIP"))
    assert wait_until(lambda: addresses(home, "turned") == [] and not node_reaches(HERE, PORT), DONE)
    kubectl("delete", "service", "-n", home, "turned")
