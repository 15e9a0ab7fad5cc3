"""The plugin, the programs and the clusters of the suite."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.console import PlainProgress
from local.paths import Paths
from local.toolchain import ENGINE, LOCAL_NODE, SIMULATED, Toolchain
from tests.command import groundwork, succeeded, up
from tests.conformance.model import home
from tests.conformance.recorder import Bench
from tests.conformance.setting import default_kubeconfig, default_plugin, tools

IMAGE = "localhost/agent:1"


@pytest.fixture(scope="session")
def plugin() -> Path:
    """The program under test."""
    named = default_plugin().resolve()
    assert os.access(named, os.X_OK), f"{named} is not a program: set GROUNDWORK_KUBERNETES_PLUGIN"
    return named


@pytest.fixture(scope="session")
def real_tools() -> Iterator[Toolchain]:
    with tools((*ENGINE, *LOCAL_NODE)) as found:
        yield found


@pytest.fixture(scope="session")
def scratch_tools() -> Iterator[Toolchain]:
    with tools((*ENGINE, *SIMULATED)) as found:
        yield found


@pytest.fixture(scope="session")
def real(plugin: Path, real_tools: Toolchain) -> Iterator[Bench]:
    """The cluster that KUBECONFIG names, or the local node, with the image that the recorded pods run.

    Recordings are of pods that admission refuses: on the local node its layer goes meanwhile.
    """
    kubeconfig = default_kubeconfig()
    assert kubeconfig.exists(), f"no kubeconfig at {kubeconfig}: run `groundwork up local`, or set KUBECONFIG"
    ours = kubeconfig == Paths.for_user().kubeconfig
    if ours:
        _have_image(real_tools)
        succeeded(groundwork("down", "local.admission", "--yes"))
    yield Bench(plugin=plugin, kubeconfig=kubeconfig, home=home())
    if ours:
        up()


def _have_image(toolchain: Toolchain) -> None:
    """Build the suite's image and give it the name that the recordings use; done once, it is found again."""
    from local.images.archive import reference
    from local.images.build import Place, archives, load
    from local.images.containerd import Containerd

    name, progress = "conformance-agent", PlainProgress()
    place = Place(root=Path(__file__).resolve().parent)
    made = archives([name], place, progress)
    node = Containerd(ctr=toolchain.path("ctr"), socket=place.socket)
    assert node.answers(), f"no containerd answers at {place.socket}"
    load(made, node, progress)
    ctr = [str(toolchain.path("ctr")), "--address", str(place.socket), "--namespace", "k8s.io"]
    subprocess.run([*ctr, "images", "tag", "--force", reference(name, made[name].digest), IMAGE], check=True)


@pytest.fixture(scope="module")
def scratch(plugin: Path, scratch_tools: Toolchain) -> Iterator[Bench]:
    """A control plane with a simulated node, for one file's tests: no pods run, and no root is needed."""
    from local.node import NodeSettings, down, up

    folder = Path(tempfile.mkdtemp(prefix="gw-"))  # pytest's own folders are too deep for a unix socket
    settings = NodeSettings.simulated(folder, _free_ports(6))
    try:
        up(settings, scratch_tools, progress=PlainProgress())
        yield Bench(plugin=plugin, kubeconfig=settings.kubeconfig, home=home())
    finally:
        down(settings, progress=PlainProgress())
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports(count: int) -> int:
    """The first of `count` ports in a row that nothing listens on; each of xdist's workers looks in its own range."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for base in range(28100 + 600 * worker, 32000, count):
        if all(_free(base + offset) for offset in range(count)):
            return base
    raise AssertionError("no free ports from 28100 to 32000")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
