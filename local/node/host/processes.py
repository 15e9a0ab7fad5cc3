"""Which processes are the node's: each carries the node's name in its environment, and so do its descendants."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from groundwork.waiting import wait_until

NODE = "GROUNDWORK_NODE"  # the node's runtime folder
SERVICE = "GROUNDWORK_SERVICE"
DIGEST = "GROUNDWORK_DIGEST"  # what the service was started with; a difference means restart
PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A running process of the node."""

    pid: int
    program: str
    environment: dict[str, str]


def environment_of(pid: int) -> dict[str, str]:
    """The environment a process was started with; empty when it is gone or not ours to read."""
    try:
        raw = (PROC / str(pid) / "environ").read_bytes()
    except (OSError, ValueError):
        return {}
    rows = raw.decode(errors="replace").split("\0")
    return dict(row.split("=", 1) for row in rows if "=" in row)


def of_node(runtime: Path) -> list[Process]:
    """The processes of the node whose runtime folder this is."""
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        environment = environment_of(int(entry.name))
        if environment.get(NODE) == str(runtime):
            found.append(Process(int(entry.name), _program(entry), environment))
    return found


def _program(entry: Path) -> str:
    try:
        return (entry / "comm").read_text().strip()
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        status = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def end(pids: Iterable[int], grace_seconds: float) -> None:
    """Ask the processes to end, kill those that have not after `grace_seconds`, and wait for them to be gone."""
    alive = set(pids)
    for sign, seconds in ((signal.SIGTERM, grace_seconds), (signal.SIGKILL, 10.0)):
        for pid in alive:
            send(pid, sign)
        if wait_until(partial(_are_gone, frozenset(alive)), seconds):
            return
        alive = {pid for pid in alive if is_alive(pid)}


def _are_gone(pids: Iterable[int]) -> bool:
    return not any(is_alive(pid) for pid in pids)


def send(pid: int, sign: signal.Signals) -> None:
    """Signal a process that may be gone already."""
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return
