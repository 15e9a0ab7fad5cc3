"""What is said of a node that is not there, or only in part."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.waiting import wait_until
from local.node import NodeSettings, status
from local.node.host import processes
from local.node.settings import SERVICES, Kind


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    return NodeSettings.simulated(tmp_path, 28000)


@pytest.fixture
def service(settings: NodeSettings) -> Iterator[int]:
    """A process that looks like a service of the node, though nothing else of the node is there."""
    program = os.path.realpath(sys.executable)
    marks = {processes.NODE: str(settings.runtime), processes.SERVICE: Path(program).name[:15]}
    with subprocess.Popen([program, "-c", "input()"], stdin=subprocess.PIPE, env=marks) as it:
        assert wait_until(lambda: bool(processes.of_node(settings.runtime)), 10)
        yield it.pid
        it.kill()


def test_where_there_is_no_node_nothing_runs_and_nothing_is_ready(settings: NodeSettings) -> None:
    found = status(settings)
    assert (found.services, found.ready) == ({}, False)
    assert found.missing == SERVICES[Kind.SIMULATED]


def test_a_node_without_its_certificates_is_not_ready(settings: NodeSettings, service: int) -> None:
    found = status(settings)
    assert list(found.services.values()) == [service]
    assert not found.ready
