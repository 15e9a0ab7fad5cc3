"""Trouble for a server of the observability layer: killed, or with no room for its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from components.observability.names import NAMESPACE
from groundwork.waiting import wait_until
from loadtests.faults.disk import fill_disk, free_disk
from tests.cluster.node import kubectl

READY = 240.0

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
        # Not a rollout's status: the Deployment has not changed, and may count the pod that was taken from it yet.
        assert wait_until(lambda: _is_ready(server), READY), f"{server} does not come back"


def _delete(server: str) -> None:
    # One that has ended by itself between being listed and deleted is as good.
    words = ("--force", "--grace-period=0", "--ignore-not-found")
    kubectl("delete", "pod", "-n", NAMESPACE, "-l", f"app.kubernetes.io/name={server}", *words)


def _is_ready(server: str) -> bool:
    path = 'jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}'
    found = kubectl("get", "pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/name={server}", "-o", path)
    return "True" in found.stdout.split()


def _rolled_out(server: str) -> None:
    kubectl("rollout", "status", "-n", NAMESPACE, f"deployment/{server}", f"--timeout={READY:.0f}s")
