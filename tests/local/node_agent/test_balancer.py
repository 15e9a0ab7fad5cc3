"""Who gets 127.0.0.1, and what the others are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.node_agent.balancer import ADDRESS, assign
from local.node_agent.host_ports import taken
from local.node_agent.objects import Service
from tests.local.node_agent.samples import service

NOBODY: set[int] = set()
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue"
LISTEN = """
   0: 00000000:1F90 00000000:0000 0A 0
   1: 0100007F:01BB 00000000:0000 0A 0
   2: 0101F40A:0050 00000000:0000 0A 0
   3: 0100007F:0016 0100007F:A0A0 01 0
"""


def answers(*services: Service, listening: set[int] = NOBODY) -> dict[str, str]:
    """Service → its address, or why it has none."""
    found = assign(services, lambda protocol: listening if protocol == "TCP" else NOBODY)
    return {row.service.metadata.name: row.reason or row.addresses[0] for row in found}


def test_services_get_the_loopback_address_and_ports_of_other_protocols_do_not_conflict() -> None:
    assert answers(service("a", 443), service("b", 80), service("c", 443, protocol="UDP")) == dict.fromkeys(
        "abc", ADDRESS
    )


@pytest.mark.parametrize("extra", [{"type": "NodePort"}, {"kind": "others.example/lb"}, {"deleted": "2026-01-02"}])
def test_other_services_are_none_of_ours(extra: dict[str, str]) -> None:
    assert answers(service("a", 443, **extra)) == {}


def test_the_first_to_ask_has_the_port_and_the_second_is_told_who_has_it() -> None:
    first, second = service("first", 443, created="2026-01-01"), service("second", 443, created="2026-01-02")
    assert answers(second, first) == {"first": ADDRESS, "second": "TCP port 443 of 127.0.0.1 is served for a/first"}
    assert answers(second) == {"second": ADDRESS}


def test_who_has_the_port_keeps_it_when_an_older_one_asks() -> None:
    older, holder = (
        service("older", 443, created="2026-01-01"),
        service("holder", 443, created="2026-02-01", ip=ADDRESS),
    )
    assert answers(older, holder)["holder"] == ADDRESS
    assert "a/holder" in answers(older, holder)["older"]


def test_a_port_of_a_program_is_not_taken_from_it_and_what_was_given_is_not_taken_back() -> None:
    found = answers(service("new", 443), service("old", 80, ip=ADDRESS), listening={443, 80})
    assert found == {"new": "TCP port 443 of 127.0.0.1 is in use by a program of this machine", "old": ADDRESS}


def test_a_service_gets_all_its_ports_or_none() -> None:
    ports = [{"port": 80, "protocol": "TCP"}, {"port": 443, "protocol": "TCP"}]
    both = Service.model_validate(
        {**service("both", 80).model_dump(by_alias=True), "spec": {"type": "LoadBalancer", "ports": ports}}
    )
    found = answers(both, service("later", 80, created="2026-02-01"), listening={443})
    assert "443" in found["both"]
    assert found["later"] == ADDRESS


def test_only_what_differs_is_due() -> None:
    rows = assign(
        [service("has", 80, ip=ADDRESS), service("has_not", 81), service("other", 82, ip="192.0.2.1")], lambda _: NOBODY
    )
    assert {row.service.metadata.name: row.is_due for row in rows} == {"has": False, "has_not": True, "other": True}


def test_listening_programs_are_those_on_loopback_or_every_address(tmp_path: Path) -> None:
    (tmp_path / "tcp").write_text(HEAD + LISTEN)
    (tmp_path / "tcp6").write_text(f"{HEAD}\n   0: {'0' * 32}:0019 {'0' * 32}:0000 0A 0\n")
    (tmp_path / "udp").write_text(f"{HEAD}\n   0: 00000000:0035 00000000:0000 07 0\n")
    assert taken("TCP", tmp_path) == {8080, 443, 25}
    assert taken("UDP", tmp_path) == {53}
    assert taken("SCTP", tmp_path) == set()
