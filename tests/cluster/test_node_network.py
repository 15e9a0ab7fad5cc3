"""What the node listens on, and what its names and addresses answer."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import struct
import subprocess

import pytest
from testinfra.host import Host

from groundwork.waiting import wait_until
from local.node import status
from tests.cluster.node import SETTINGS, bring_up, kubectl

pytestmark = pytest.mark.cluster


@pytest.fixture(autouse=True, scope="module")
def node() -> None:
    bring_up()


@pytest.mark.parametrize("service", SETTINGS.bindings())
def test_every_service_listens_where_it_should(service: str, host: Host) -> None:
    address, port = SETTINGS.bindings()[service]
    assert host.socket(f"tcp://{address}:{port}").is_listening


def test_nothing_of_the_node_listens_on_other_addresses() -> None:
    shown = subprocess.run(["ss", "-Hltnup"], capture_output=True, text=True, check=True).stdout
    pids = set(status(SETTINGS).services.values())
    rows = [row.split() for row in shown.splitlines()]
    ours = [row[4] for row in rows if pids & {int(pid) for pid in re.findall(r"pid=(\d+)", row[-1])}]
    assert len(ours) >= len(SETTINGS.bindings())
    assert {address.rpartition(":")[0] for address in ours} == {"127.0.0.1", SETTINGS.address}


def test_the_bridge_has_the_nodes_address(host: Host) -> None:
    bridge = host.interface(SETTINGS.network.bridge)
    assert bridge.exists
    assert SETTINGS.address in bridge.addresses


def query(name: str, server: str) -> tuple[int, str]:
    """A DNS query for an A record: the response code, and the last four bytes as the address of a single answer."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    message = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(message, (server, 53))
        answer = client.recv(4096)
    return answer[3] & 15, socket.inet_ntoa(answer[-4:])


def says(server: str, name: str, code: int, address: str | None = None) -> bool:
    """Whether a server answers so. A packet is sent once: one that went before kube-proxy knew the way is lost."""
    try:
        found = query(name, server)
    except OSError:
        return False
    return found[0] == code and address in {None, found[1]}


@pytest.mark.parametrize("server", [SETTINGS.network.dns_service, SETTINGS.address])
def test_dns_knows_the_services_by_either_address(server: str) -> None:
    name = "kubernetes.default.svc.cluster.local"
    assert wait_until(lambda: says(server, name, 0, SETTINGS.network.api_service), 60)


def test_dns_says_so_where_there_is_no_such_service() -> None:
    name = "nobody.default.svc.cluster.local"
    assert wait_until(lambda: says(SETTINGS.network.dns_service, name, 3), 60)


def test_the_api_answers_on_its_service_address() -> None:
    with socket.create_connection((SETTINGS.network.api_service, 443), timeout=5) as connection:
        assert connection.getpeername() == (SETTINGS.network.api_service, 443)


def test_node_ports_are_for_this_machine_alone() -> None:
    rules = subprocess.run(["iptables-save", "-t", "nat"], capture_output=True, text=True, check=True).stdout
    entries = [line for line in rules.splitlines() if "-j KUBE-NODEPORTS" in line]
    assert entries
    found = [re.search(r"-d (\S+)", line) for line in entries]
    assert all(match is not None and ipaddress.ip_network(match[1]).is_loopback for match in found)


def measured_nodes() -> list[str]:
    """None where their server does not answer just now."""
    said = kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/nodes", check=False)
    found = json.loads(said.stdout) if said.returncode == 0 else {"items": []}
    return [item["metadata"]["name"] for item in found["items"]]


def test_nodes_have_metrics_once_they_were_measured_twice() -> None:
    kubectl("wait", "--for=condition=Available", "apiservice/v1beta1.metrics.k8s.io", "--timeout=180s")
    assert wait_until(lambda: measured_nodes() == [SETTINGS.name], 180)
