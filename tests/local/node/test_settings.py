from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.errors import UserError
from local.node import Kind, NodeSettings
from local.node.settings import PLUGINS, PROGRAMS
from local.paths import Paths

LOOPBACK_AND_BRIDGE = {"127.0.0.1", "10.244.0.1"}


def real() -> NodeSettings:
    return NodeSettings.real(Paths(cache=Path("/c"), data=Path("/d")))


def test_a_real_node_listens_on_loopback_and_its_bridge_only() -> None:
    assert {address for address, _ in real().bindings().values()} == LOOPBACK_AND_BRIDGE


def test_a_real_nodes_bindings_do_not_collide() -> None:
    bindings = list(real().bindings().values())
    assert len(set(bindings)) == len(bindings)


def test_the_real_nodes_kubeconfig_is_the_users() -> None:
    assert real().kubeconfig == Path("/d/kubeconfig")


def test_a_simulated_node_keeps_all_it_has_below_its_root(tmp_path: Path) -> None:
    settings = NodeSettings.simulated(tmp_path, 30000)
    assert all(path.is_relative_to(tmp_path) for path in (*settings.folders, settings.kubeconfig))


@given(st.integers(1024, 65529))
def test_a_simulated_node_takes_its_base_and_the_five_ports_after_it(base: int) -> None:
    settings = NodeSettings.simulated(Path("/x"), base)
    assert sorted(port for _, port in settings.bindings().values()) == list(range(base, base + 6))
    assert {address for address, _ in settings.bindings().values()} == {"127.0.0.1"}
    assert settings.url == f"https://127.0.0.1:{base}"


@given(st.integers().filter(lambda port: not 1024 <= port <= 65529))
def test_a_base_with_no_room_for_six_ports_is_refused(base: int) -> None:
    with pytest.raises(UserError, match="six ports"):
        NodeSettings.simulated(Path("/x"), base)


def test_a_root_too_deep_for_a_socket_is_refused_with_the_limit() -> None:
    with pytest.raises(UserError) as caught:
        NodeSettings.simulated(Path("/" + "deep/" * 20))
    assert caught.value.allowed == "70 characters"


@pytest.mark.parametrize("kind", list(Kind))
def test_the_playbook_gets_the_path_of_every_program_of_its_kind(kind: Kind, tmp_path: Path) -> None:
    settings = real() if kind is Kind.REAL else NodeSettings.simulated(tmp_path)
    programs = settings.variables(lambda name: Path("/bin") / name)["node_programs"]
    assert programs == {name: f"/bin/{name}" for name in (*PROGRAMS[kind], *PLUGINS[kind])}


def test_going_down_asks_for_no_program(tmp_path: Path) -> None:
    assert NodeSettings.simulated(tmp_path).variables(None)["node_programs"] == {}
