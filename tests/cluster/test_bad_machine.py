"""A machine that cannot do what is asked: one error that names the thing and the fix, and nothing half done.

In this tier because a full disk is a real one, which takes root to make; the node itself is not touched.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.node import NodeSettings
from tests.command import groundwork

pytestmark = pytest.mark.cluster


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "groundwork-full", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def refused(done: subprocess.CompletedProcess[str], *named: str) -> None:
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("error:") == 1
    assert "fix:" in done.stderr
    assert "Traceback" not in done.stderr
    for word in named:
        assert word in done.stderr


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_full_disk_for_data(full: Path) -> None:
    refused(groundwork("up", "local", "--simulated", variables={"GROUNDWORK_HOME": str(full / "home")}), str(full))
    assert files(full) == []


@pytest.mark.parametrize("go", [True, False], ids=["with-go", "without-go"])
def test_a_full_disk_for_programs(full: Path, go: bool) -> None:
    folders = [folder for folder in os.get_exec_path() if go or not (Path(folder) / "go").exists()]
    caches = {name: str(full / name.lower()) for name in ("XDG_CACHE_HOME", "GOCACHE", "GOMODCACHE")}
    variables = {**caches, "PATH": os.pathsep.join(folders)}
    refused(groundwork("toolchain", "build", "engine", variables=variables), str(full))
    assert files(full) == [".lock"]


def test_a_full_disk_for_images(full: Path) -> None:
    programs = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "groundwork" / "toolchain"
    (full / "groundwork").mkdir()
    (full / "groundwork" / "toolchain").symlink_to(programs)
    refused(groundwork("images", "build", "pause", variables={"XDG_CACHE_HOME": str(full)}), str(full))


def test_a_port_in_use(tmp_path: Path) -> None:
    home = tmp_path / "home"
    service, (address, port) = next(iter(NodeSettings.simulated(home / "node").bindings().items()))
    with socket.create_server((address, port)):
        done = groundwork("up", "local", "--simulated", variables={"GROUNDWORK_HOME": str(home)})
    refused(done, str(port), service, f"process {os.getpid()}")
    shutil.rmtree(home, ignore_errors=True)
