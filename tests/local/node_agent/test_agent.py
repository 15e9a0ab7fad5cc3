"""The agent's rounds: rules into force, Services' addresses, and what happens when either is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local.node.host.probes import Access
from local.node_agent import kernel
from local.node_agent.agent import Agent
from local.node_agent.api import ApiError, Server
from local.node_agent.kernel import Kernel, NftError
from local.node_agent.objects import Service
from local.node_agent.table import Chain, Set, Table
from tests.local.node_agent.samples import BRIDGE, pod, service

NOWHERE = Access(authority=Path("/none"), certificate=Path("/none"), key=Path("/none"))
ONE = Table(sets={"pods": Set("ipv4_addr", frozenset({"10.0.0.1"}))}, chains={"c": Chain(("drop",))})
TWO = Table(sets={"pods": Set("ipv4_addr", frozenset({"10.0.0.2"}))}, chains={"c": Chain(("drop",))})


@dataclass(frozen=True)
class FakeServer(Server):
    """Keeps what was asked of it. `status`: with which to refuse, if not 200."""

    url: str = "https://none"
    access: Access = NOWHERE
    status: int = 200
    asked: list[tuple[str, str, Mapping[str, object] | None]] = field(default_factory=list)

    def request(
        self, method: str, path: str, body: Mapping[str, object] | None = None, content_type: str = ""
    ) -> dict[str, object]:
        self.asked.append((method, path, body))
        if self.status != 200:
            raise ApiError(self.status, content_type)
        return {}


@dataclass
class FakeEnforcer:
    """Takes tables; refuses them where told to."""

    refuses: bool = False
    tables: list[Table] = field(default_factory=list)

    def apply(self, table: Table) -> None:
        if self.refuses:
            raise NftError("no")
        self.tables.append(table)

    def check(self) -> None:
        """Nothing."""


def agent(*services: Service, server: FakeServer | None = None, enforcer: FakeEnforcer | None = None) -> Agent:
    made = Agent(server=server or FakeServer(), enforcer=enforcer or FakeEnforcer(), bridge=BRIDGE)
    made.services.replace(list(services))
    return made


def test_rules_in_force_make_it_ready_and_let_announced_pods_start() -> None:
    enforcer = FakeEnforcer()
    made = agent(enforcer=enforcer)
    made.pods.replace([pod("one", "10.244.0.2")])
    assert made.enforce()
    assert made.ready.is_set()
    assert enforcer.tables[0].sets["pods"].elements == {"10.244.0.2"}


def test_refused_rules_are_tried_again_and_nobody_is_told_that_they_hold() -> None:
    made = agent(enforcer=FakeEnforcer(refuses=True))
    assert not made.enforce()
    assert not made.ready.is_set()


def test_a_service_gets_its_address_and_nothing_more_is_asked() -> None:
    server = FakeServer()
    assert agent(service("web", 18443), service("has", 18444, ip="127.0.0.1"), server=server).balance()
    ingress = {"ingress": [{"ip": "127.0.0.1", "ipMode": "VIP"}]}
    path = "/api/v1/namespaces/a/services/web/status"
    assert server.asked == [("PATCH", path, {"status": {"loadBalancer": ingress}})]


def test_who_has_to_wait_is_told_once_and_asked_about_again() -> None:
    server = FakeServer()
    made = agent(service("has", 18443, ip="127.0.0.1"), service("waits", 18443), server=server)
    assert [made.balance(), made.balance()] == [False, False]
    assert [(method, path) for method, path, _ in server.asked] == [("POST", "/api/v1/namespaces/a/events")]
    event = server.asked[0][2]
    assert event is not None
    assert (event["reason"], event["type"]) == ("PortNotAvailable", "Warning")
    made.services.replace([service("waits", 18443)])
    assert made.balance()


@pytest.mark.parametrize(("status", "settled"), [(404, True), (409, False), (500, False)])
def test_a_service_that_is_gone_is_no_trouble_and_a_refusal_is(status: int, settled: bool) -> None:
    assert agent(service("web", 18443), server=FakeServer(status=status)).balance() is settled


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What nft is given."""
    given: list[str] = []
    monkeypatch.setattr(kernel, "_nft", given.append)
    return given


def test_the_kernel_gets_the_whole_table_first_and_then_differences(scripts: list[str]) -> None:
    found = Kernel()
    found.apply(ONE)
    found.apply(ONE)
    found.apply(TWO)
    assert [script.startswith("add table") for script in scripts] == [True, False]


def test_a_refused_difference_is_followed_by_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def refuse_differences(script: str) -> None:
        given.append(script)
        if not script.startswith("add table"):
            raise NftError("no such set")

    monkeypatch.setattr(kernel, "_nft", refuse_differences)
    found = Kernel()
    found.apply(ONE)
    found.apply(TWO)
    assert [script.startswith("add table") for script in given] == [True, False, True]


def test_a_refused_table_is_an_error_and_is_written_whole_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_script: str) -> None:
        raise NftError("no")

    found = Kernel()
    monkeypatch.setattr(kernel, "_nft", refuse)
    with pytest.raises(NftError):
        found.apply(ONE)
    given: list[str] = []
    monkeypatch.setattr(kernel, "_nft", given.append)
    found.apply(ONE)
    assert given[0].startswith("add table")
