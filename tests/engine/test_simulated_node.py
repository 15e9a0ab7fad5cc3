"""A control plane with a simulated node, as it runs where containers cannot."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.waiting import wait_until
from local import toolchain
from local.node import NodeSettings, down, status, up
from local.node.host import processes
from local.paths import CHECKOUT
from tests.local.node.quiet import Quiet

pytestmark = pytest.mark.engine

PORTS = 27500


@pytest.fixture(scope="module")
def tools() -> toolchain.Toolchain:
    return toolchain.ensure(toolchain.SIMULATED, progress=Quiet())


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeSettings]:
    made = NodeSettings.simulated(tmp_path_factory.mktemp("n"), PORTS)
    yield made
    down(made, Quiet())
    assert not any(folder.exists() for folder in made.folders)
    assert processes.of_node(made.runtime) == []


def kubectl(settings: NodeSettings, tools: toolchain.Toolchain, *arguments: str) -> str:
    command = [str(tools.path("kubectl")), f"--kubeconfig={settings.kubeconfig}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_node_is_made_and_the_second_time_nothing_changes(settings: NodeSettings, tools: toolchain.Toolchain) -> None:
    assert up(settings, tools, Quiet())
    assert list(up(settings, tools, Quiet())) == []
    found = status(settings)
    assert found.ready
    assert found.missing == ()


def test_a_deployment_becomes_available(settings: NodeSettings, tools: toolchain.Toolchain) -> None:
    up(settings, tools, Quiet())
    kubectl(settings, tools, "create", "deployment", "shown", "--image=none", "--replicas=3")
    kubectl(settings, tools, "wait", "--for=condition=available", "deployment/shown", "--timeout=180s")
    pods = json.loads(kubectl(settings, tools, "get", "pods", "-o", "json"))["items"]
    assert len({pod["status"]["podIP"] for pod in pods}) == 3


def test_a_load_balancer_has_its_address(settings: NodeSettings, tools: toolchain.Toolchain) -> None:
    up(settings, tools, Quiet())
    kubectl(settings, tools, "create", "service", "loadbalancer", "shown", "--tcp=18446:80")
    wanted = "--for=jsonpath={.status.loadBalancer.ingress[0].ip}=127.0.0.1"
    kubectl(settings, tools, "wait", wanted, "service/shown", "--timeout=120s")


def test_a_run_that_was_killed_is_continued(settings: NodeSettings, tools: toolchain.Toolchain) -> None:
    up(settings, tools, Quiet())
    (settings.config / "pki" / "cluster" / "kube-scheduler.key").write_bytes(b"half")
    (settings.config / "kube-scheduler.kubeconfig").unlink()
    for process in processes.of_node(settings.runtime):
        processes.send(process.pid, signal.SIGKILL)
    assert wait_until(lambda: not processes.of_node(settings.runtime), 60)
    assert (settings.runtime / "supervisor.sock").exists()
    up(settings, tools, Quiet())
    assert status(settings).missing == ()
    assert "shown" in kubectl(settings, tools, "get", "deployments", "-o", "name")  # its data outlived all of it


def test_a_playbook_killed_midway_is_no_obstacle(settings: NodeSettings, tools: toolchain.Toolchain) -> None:
    down(settings, Quiet())
    program = (
        "import sys; from pathlib import Path; from local import node, toolchain;"
        "from tests.local.node.quiet import Quiet;"
        f"node.up(node.NodeSettings.simulated(Path(sys.argv[1]), {PORTS}),"
        " toolchain.ensure(toolchain.SIMULATED, progress=Quiet()), Quiet())"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(settings.config.parent)], cwd=CHECKOUT) as first:
        assert wait_until((settings.config / "pki" / "etcd" / "ca.key").exists, 240)
        first.kill()
    up(settings, tools, Quiet())
    assert status(settings).ready


def test_taking_down_what_is_not_there_is_no_error() -> None:
    # pytest's own folders are too deep for a unix socket.
    with tempfile.TemporaryDirectory(prefix="gw") as folder:
        assert list(down(NodeSettings.simulated(Path(folder) / "node"), Quiet())) == []
