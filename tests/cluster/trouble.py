"""Trouble for a server of the observability layer: killed, or with no room for its data."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import JsonValue

from components.observability.names import NAMESPACE
from groundwork.waiting import wait_until
from loadtests.faults.ground import process_of
from tests.cluster.node import SETTINGS, kubectl

# Prometheus alone takes 128 MiB at once for the head of its database.
ROOM = "256m"
READY = 120.0

Pod = Mapping[str, Mapping[str, JsonValue]]
Over = Callable[[], None]


@contextmanager
def killed(server: str) -> Iterator[Over]:
    """Killed, and gone until it is over."""

    def over() -> None:
        kubectl("scale", "-n", NAMESPACE, f"deployment/{server}", "--replicas=1")
        _rolled_out(server)

    kubectl("scale", "-n", NAMESPACE, f"deployment/{server}", "--replicas=0")
    _delete(server)
    try:
        yield over
    finally:
        over()


@contextmanager
def full(server: str) -> Iterator[Over]:
    """No byte is left where it writes, until it is over; at the end it has its usual volume again.

    A file system of its own lies over the pod's volume: this machine's disk is nobody's to fill.
    """
    volume = (
        SETTINGS.data / "kubelet/pods" / str(_pod(server)["metadata"]["uid"]) / "volumes/kubernetes.io~empty-dir/data"
    )
    found = volume.stat()
    options = f"size={ROOM},mode={found.st_mode & 0o7777:o},uid={found.st_uid},gid={found.st_gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "groundwork-full", str(volume)], check=True)
    try:
        _restart(server)
        filler = volume / "filler"
        _fill(filler)
        yield filler.unlink
    finally:
        _delete(server)
        subprocess.run(["umount", "--lazy", str(volume)], check=True)
        _rolled_out(server)


def _pod(server: str) -> Pod:
    """The one that runs."""
    words = ("pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/name={server}", "-o", "json")
    pods: list[Pod] = json.loads(kubectl("get", *words).stdout)["items"]
    (pod,) = [one for one in pods if "deletionTimestamp" not in one["metadata"]]
    return pod


def _container(server: str) -> Mapping[str, JsonValue]:
    statuses = _pod(server)["status"]["containerStatuses"]
    assert isinstance(statuses, list)
    (mine,) = [one for one in statuses if isinstance(one, dict) and one["name"] == server]
    return mine


def _restart(server: str) -> None:
    """A container sees what is mounted over its volumes when it starts."""
    before = str(_container(server)["containerID"])
    os.kill(process_of(before), signal.SIGKILL)

    def again() -> bool:
        found = _container(server)
        return found["containerID"] != before and found["ready"] is True

    assert wait_until(again, READY), f"{server} did not start again"


def _fill(file: Path) -> None:
    for size in (2**20, 4096):
        try:
            with file.open("ab", buffering=0) as opened:
                while True:
                    opened.write(bytes(size))
        except OSError as error:
            assert error.errno == errno.ENOSPC


def _delete(server: str) -> None:
    kubectl("delete", "pod", "-n", NAMESPACE, "-l", f"app.kubernetes.io/name={server}", "--force", "--grace-period=0")


def _rolled_out(server: str) -> None:
    kubectl("rollout", "status", "-n", NAMESPACE, f"deployment/{server}", f"--timeout={READY:.0f}s")
