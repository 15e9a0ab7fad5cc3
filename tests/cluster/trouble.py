"""Trouble for a server of the observability layer: killed, or with no room for its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from components.observability.names import NAMESPACE
from loadtests.faults.disk import fill_disk, free_disk
from tests.cluster.node import kubectl

READY = 120.0

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
    try:
        yield Path(fill_disk(server)).unlink
    finally:
        free_disk()
        _rolled_out(server)


def _delete(server: str) -> None:
    kubectl("delete", "pod", "-n", NAMESPACE, "-l", f"app.kubernetes.io/name={server}", "--force", "--grace-period=0")


def _rolled_out(server: str) -> None:
    kubectl("rollout", "status", "-n", NAMESPACE, f"deployment/{server}", f"--timeout={READY:.0f}s")
