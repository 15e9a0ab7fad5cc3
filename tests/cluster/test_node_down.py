"""`down` leaves the host as it was found, and what others have there untouched."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.waiting import wait_until
from local import images
from local.node import down, status
from local.node.host import processes, record
from tests.cluster.node import SETTINGS, bring_up, kubectl, tools
from tests.cluster.test_node_recovery import deployment, ready_pods
from tests.local.node.quiet import Quiet

pytestmark = pytest.mark.cluster

CHAIN, LINK = "OTHERS-CHAIN", "others0"
FIXED = (*record.FOLDERS, "/etc/cni", "/run/netns", "/usr/libexec/kubernetes", "/opt/containerd", "/var/log/pods")


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def host_state() -> dict[str, list[str]]:
    """Everything a node could leave behind, comparable."""
    rules = [run(tool) for tool in ("iptables-save", "ip6tables-save")]
    sysctls = [*record.SYSCTLS, "net/ipv4/conf/default/forwarding", "net/ipv4/conf/lo/forwarding"]
    links: list[dict[str, str]] = json.loads(run("ip", "-json", "link"))
    return {
        "processes": sorted(str(process) for process in processes.of_node(SETTINGS.runtime)),
        "mounts": sorted(line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        "links": sorted(link["ifname"] for link in links),
        "routes": sorted(run("ip", "route").splitlines()),
        "namespaces": run("ip", "netns", "list").splitlines(),
        "rules": [re.sub(r"\[\d+:\d+\]", "", line) for text in rules for line in text.splitlines() if line[0] != "#"],
        "tables": run("nft", "list", "tables").splitlines(),
        "sysctls": [f"{name}={(record.PROC_SYS / name).read_text().strip()}" for name in sysctls],
        "cgroups": [str(path) for path in record.pod_cgroups() if path.exists()],
        "folders": [str(path) for path in (*SETTINGS.folders, *map(Path, FIXED)) if path.exists()],
        "kubeconfig": [str(SETTINGS.kubeconfig)] if SETTINGS.kubeconfig.exists() else [],
    }


@pytest.fixture
def others(tmp_path: Path) -> Iterator[None]:
    """A mount, a link, a chain with a rule and a process that are none of the node's."""
    run("mount", "-t", "tmpfs", "others", str(tmp_path))
    run("ip", "link", "add", LINK, "type", "bridge")
    run("iptables", "-N", CHAIN)
    run("iptables", "-A", "FORWARD", "-i", LINK, "-j", CHAIN)
    with subprocess.Popen(["sleep", "600"]) as process:
        yield
        assert process.poll() is None
        process.kill()
    run("iptables", "-D", "FORWARD", "-i", LINK, "-j", CHAIN)
    run("iptables", "-X", CHAIN)
    run("ip", "link", "delete", LINK)
    run("umount", str(tmp_path))


def start_pods() -> None:
    image = images.build(["pause"], tools(), Quiet())["pause"]
    kubectl("apply", "-f", "-", stdin=json.dumps(deployment(image)))
    assert wait_until(lambda: ready_pods("default") == 2, 240)


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(
    "killed", [pytest.param(False, id="running", marks=pytest.mark.long), pytest.param(True, id="killed")]
)
def test_down_leaves_the_host_as_it_was(killed: bool) -> None:
    down(SETTINGS, Quiet())
    before = host_state()
    bring_up()
    start_pods()
    assert host_state()["links"] != before["links"]
    for process in processes.of_node(SETTINGS.runtime) if killed else ():
        processes.send(process.pid, signal.SIGKILL)
    assert down(SETTINGS, Quiet())
    assert host_state() == before
    assert list(down(SETTINGS, Quiet())) == []


def test_a_half_removed_node_is_removed_and_a_half_made_one_made() -> None:
    bring_up()
    start_pods()
    run("ip", "link", "delete", SETTINGS.network.bridge)
    (SETTINGS.config / "supervisord.conf").unlink()
    (SETTINGS.runtime / "supervisor.sock").unlink()
    down(SETTINGS, Quiet())
    assert status(SETTINGS).services == {}
    assert not any(folder.exists() for folder in SETTINGS.folders)
    bring_up()
    assert status(SETTINGS).ready
