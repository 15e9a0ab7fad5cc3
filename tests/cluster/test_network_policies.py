"""Network policies between real pods: who must get through does, who must not does not, also while things break."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from groundwork.waiting import wait_until
from local.node import status
from local.node.host import processes
from tests.cluster import probes
from tests.cluster.node import SETTINGS, all_running, bring_up, kubectl
from tests.cluster.probes import OTHER_TCP, TCP, UDP, apply, reaches

pytestmark = pytest.mark.cluster

TABLE = ("inet", "groundwork_policy")
SERVER = {"matchLabels": {"app": "server"}}
CLIENT = {"matchLabels": {"app": "client"}}
# Seconds till the node's agent has done what it was told, also one that has just begun.
DONE = 90.0
KUBE_SYSTEM = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}


@dataclass(frozen=True)
class Lab:
    """A server and a client in `home`, a stranger in `away`; the server's address."""

    home: str
    away: str
    server: str
    client: str

    def client_reaches(self, port: int = TCP, protocol: str = "TCP") -> bool:
        return reaches(self.home, "client", self.server, port, protocol)

    def stranger_reaches(self, port: int = TCP, protocol: str = "TCP") -> bool:
        return reaches(self.away, "stranger", self.server, port, protocol)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    bring_up()
    with probes.namespace(team="home") as home, probes.namespace(team="away") as away:
        apply(home, probes.pod("server", {"app": "server"}), probes.pod("client", {"app": "client"}))
        apply(away, probes.pod("stranger", {"app": "client"}))
        probes.wait_ready(home, "server", "client")
        probes.wait_ready(away, "stranger")
        yield Lab(home, away, probes.address(home, "server"), probes.address(home, "client"))


@contextmanager
def policy(namespace: str, **spec: object) -> Iterator[None]:
    """In force while it lasts. It must have a rule: by its comment the test knows that it is there."""
    made = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "tried"}, "spec": spec}
    apply(namespace, made)
    assert wait_until(lambda: f'"{namespace}/tried"' in rules(), DONE)
    try:
        yield
    finally:
        kubectl("delete", "networkpolicy", "-n", namespace, "tried")
        assert wait_until(lambda: f'"{namespace}/tried"' not in rules(), DONE)


def rules() -> str:
    return subprocess.run(["nft", "list", "table", *TABLE], capture_output=True, text=True, check=False).stdout


def test_without_a_policy_everybody_gets_through(lab: Lab) -> None:
    assert lab.client_reaches()
    assert lab.stranger_reaches()
    assert lab.stranger_reaches(UDP, "UDP")


def test_a_pod_selector_admits_the_own_namespace_and_the_node_and_nobody_else(lab: Lab) -> None:
    with policy(lab.home, podSelector=SERVER, ingress=[{"from": [{"podSelector": CLIENT}]}]):
        assert lab.client_reaches()
        assert not lab.stranger_reaches()
        assert not lab.stranger_reaches(UDP, "UDP")
        assert probes.node_reaches(lab.server)
        assert reaches(lab.home, "server", lab.server)
        assert reaches(lab.home, "server", lab.client)  # what it may send is not restricted
    assert lab.stranger_reaches()


def test_a_namespace_selector_admits_another_namespace_and_not_the_own(lab: Lab) -> None:
    away = {"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "In", "values": ["away"]}]}}
    with policy(lab.home, podSelector=SERVER, ingress=[{"from": [away]}]):
        assert lab.stranger_reaches()
        assert not lab.client_reaches()


def test_an_address_block_admits_all_but_its_exceptions(lab: Lab) -> None:
    block = {"cidr": SETTINGS.network.pods, "except": [f"{lab.client}/32"]}
    with policy(lab.home, podSelector=SERVER, ingress=[{"from": [{"ipBlock": block}]}]):
        assert lab.stranger_reaches()
        assert not lab.client_reaches()


@pytest.mark.parametrize("port", ["web", TCP])
def test_a_port_by_name_or_number_admits_that_port_only(lab: Lab, port: str | int) -> None:
    with policy(lab.home, podSelector=SERVER, ingress=[{"ports": [{"port": port}]}]):
        assert lab.stranger_reaches(TCP)
        assert not lab.stranger_reaches(OTHER_TCP)
        assert not lab.stranger_reaches(UDP, "UDP")


def test_a_range_of_udp_ports(lab: Lab) -> None:
    ports = [{"protocol": "UDP", "port": UDP - 1, "endPort": UDP + 1}]
    with policy(lab.home, podSelector=SERVER, ingress=[{"ports": ports}]):
        assert lab.stranger_reaches(UDP, "UDP")
        assert not lab.stranger_reaches(TCP)


def test_a_pod_that_may_send_names_only_asks_for_names_and_nothing_else(lab: Lab) -> None:
    with policy(lab.home, podSelector=CLIENT, policyTypes=["Egress"], egress=[{"to": [KUBE_SYSTEM]}]):
        assert reaches(lab.home, "client", SETTINGS.network.dns_service, 53, "OPEN")
        assert not lab.client_reaches()
        assert not reaches(lab.home, "client", SETTINGS.address, SETTINGS.ports.api, "OPEN")
        assert not reaches(lab.home, "client", SETTINGS.network.api_service, 443, "OPEN")
        assert not reaches(lab.home, "client", SETTINGS.address, SETTINGS.ports.kubelet, "OPEN")
        assert reaches(lab.home, "server", lab.client)  # replies go out; what others send it is not restricted
    assert reaches(lab.home, "client", SETTINGS.address, SETTINGS.ports.api, "OPEN")


def test_a_service_is_judged_by_the_pod_behind_it(lab: Lab) -> None:
    service = {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": TCP}]}
    apply(lab.home, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "server"}, "spec": service})
    name = f"server.{lab.home}.svc.{SETTINGS.network.domain}"
    assert wait_until(lambda: reaches(lab.home, "client", name, 80), DONE)
    allowed = [{"from": [{"podSelector": CLIENT}], "ports": [{"port": TCP}]}]
    with policy(lab.home, podSelector=SERVER, ingress=allowed):
        assert reaches(lab.home, "client", name, 80)
        assert not reaches(lab.away, "stranger", name, 80)


EAGER = """
import socket, sys, time
for _ in range(40):
    try:
        socket.create_connection(("{server}", {port}), {seconds}).close()
        print("through", flush=True)
    except OSError:
        print("closed", flush=True)
        time.sleep(0.05)
time.sleep(600)
"""


def attempts(namespace: str, name: str) -> list[str]:
    """What a pod that connects from its first moment on saw, 40 times."""
    assert wait_until(lambda: len(kubectl("logs", "-n", namespace, name, check=False).stdout.split()) == 40, 180)
    return kubectl("logs", "-n", namespace, name).stdout.split()


def test_a_new_pod_is_never_open_before_it_is_closed_nor_closed_before_it_is_open(lab: Lab) -> None:
    hasty, patient = (EAGER.format(server=lab.server, port=TCP, seconds=seconds) for seconds in (0.2, 3))
    with policy(lab.home, podSelector=SERVER, ingress=[{"from": [{"podSelector": {"matchLabels": {"may": "yes"}}}]}]):
        apply(lab.home, probes.pod("eager", {"may": "no"}, hasty), probes.pod("guest", {"may": "yes"}, patient))
        assert attempts(lab.home, "eager") == ["closed"] * 40
        assert attempts(lab.home, "guest") == ["through"] * 40
    kubectl("delete", "pod", "-n", lab.home, "eager", "guest")


def agent() -> int:
    return status(SETTINGS).services["node-agent"]


def test_while_the_agent_is_stopped_what_is_closed_stays_closed_and_no_pod_starts(lab: Lab) -> None:
    with policy(lab.home, podSelector=SERVER, ingress=[{"from": [{"podSelector": CLIENT}]}]):
        stopped = agent()
        processes.send(stopped, signal.SIGSTOP)
        try:
            apply(lab.away, probes.pod("late", {"app": "client"}))
            assert wait_until(lambda: "not in force" in events(lab.away, "late"), 120)
            assert kubectl("get", "pod", "-n", lab.away, "late", "-o", "jsonpath={.status.phase}").stdout == "Pending"
            assert lab.client_reaches()
            assert not lab.stranger_reaches()
        finally:
            processes.send(stopped, signal.SIGCONT)
        probes.wait_ready(lab.away, "late")
        assert not reaches(lab.away, "late", lab.server)
    assert reaches(lab.away, "late", lab.server)


def events(namespace: str, name: str) -> str:
    found = json.loads(kubectl("get", "events", "-n", namespace, "-o", "json").stdout)["items"]
    return " ".join(row["message"] for row in found if row["involvedObject"]["name"] == name)


def test_killed_it_leaves_the_rules_and_comes_back_to_keep_them(lab: Lab) -> None:
    with policy(lab.home, podSelector=SERVER, ingress=[{"from": [{"podSelector": CLIENT}]}]):
        first = agent()
        processes.send(first, signal.SIGKILL)
        assert not lab.stranger_reaches()
        assert lab.client_reaches()
        assert wait_until(lambda: status(SETTINGS).services.get("node-agent") not in {None, first}, DONE)
        assert not lab.stranger_reaches()
    assert wait_until(lab.stranger_reaches, DONE)
    assert wait_until(all_running, DONE)


def test_rules_that_somebody_removed_come_back(lab: Lab) -> None:
    with policy(lab.home, podSelector=SERVER, ingress=[{"from": [{"podSelector": CLIENT}]}]):
        subprocess.run(["nft", "delete", "table", *TABLE], check=True)
        # It looks every half minute.
        assert wait_until(lambda: "chain received" in rules(), 30 + DONE)
        assert not lab.stranger_reaches()


def test_link_local_ipv6_is_no_way_round(lab: Lab) -> None:
    table = kubectl("exec", "-n", lab.home, "server", "--", "python3", "-c", "print(open('/proc/net/if_inet6').read())")
    rows = [row.split() for row in table.stdout.splitlines() if row.endswith("eth0")]
    own = [":".join(row[0][start : start + 4] for start in range(0, 32, 4)) for row in rows]
    assert own  # with a link of its own it has an address on it, wanted or not
    assert all(reaches(lab.home, "server", f"{found}%eth0") for found in own)
    assert not any(reaches(lab.away, "stranger", f"{found}%eth0") for found in own)
