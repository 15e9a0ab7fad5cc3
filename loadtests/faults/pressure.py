"""Pressure on processor and memory, in a container's own control groups: never on the machine beyond its limits."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from loadtests.faults import burden, ground, pods
from local.node.host import processes
from local.paths import CHECKOUT

MOST_SECONDS, MOST_PROCESSES = 60, 4
LEAST_SPARE, JOINED_SECONDS = 8, 20.0
GROUPS, PROC = Path("/sys/fs/cgroup"), Path("/proc")
_MODULE = burden.__name__
_CONTROLLERS = ("cpu", "memory")
_LIMITS, _USES = ("memory.limit_in_bytes", "memory.max"), ("memory.usage_in_bytes", "memory.current")


def press_processor(namespace: str, app: str, container: str, seconds: int, competitors: int = 2) -> list[int]:
    """So many processes that never wait, in the container of the pod that answers most. Returns them.

    They share the container's own limit with what runs in it. They end by themselves after `seconds`.
    """
    ground.bounded("competitors", competitors, 1, MOST_PROCESSES)
    groups = _groups(namespace, app, container, seconds)
    return [_start(seconds, 0, groups) for _ in range(competitors)]


def press_memory(namespace: str, app: str, container: str, seconds: int, spare: int = 16) -> list[int]:
    """Take memory of the container of the pod that answers most until `spare` MiB of its limit are left.

    Where what runs in it needs more, the kernel ends what presses first. It ends by itself after `seconds`.
    """
    ground.bounded("spare", spare, LEAST_SPARE, 1024)
    groups = _groups(namespace, app, container, seconds)
    limit, used = _number(groups, _LIMITS), _number(groups, _USES)
    free = (limit - used) // 2**20 - spare
    if not 0 < free < 64 * 1024:
        raise UserError(what=f"{container} has no memory limit, or is at it", code=ExitCode.ERROR)
    return [_start(seconds, free, groups)]


def relieve() -> int:
    """End whatever presses. Returns how many."""
    found = list(_pressing())
    processes.end(found, grace_seconds=1)
    return len(found)


def left() -> list[str]:
    """What still presses."""
    return [f"process {pid} presses" for pid in _pressing()]


def groups_of(pid: int) -> list[Path]:
    """The folders of the control groups that hold a process's processor time and memory, of version 1 or 2."""
    rows = [line.split(":", 2) for line in (PROC / str(pid) / "cgroup").read_text("utf-8").splitlines()]
    old = [GROUPS / names / path.lstrip("/") for _, names, path in rows if set(names.split(",")) & set(_CONTROLLERS)]
    return old or [GROUPS / path.lstrip("/") for _, names, path in rows if not names]


def _groups(namespace: str, app: str, container: str, seconds: int) -> list[Path]:
    ground.ours(namespace)
    ground.bounded("seconds", seconds, 1, MOST_SECONDS)
    pod = pods.busiest(ground.pods(namespace, app))
    if pod is None or container not in pod.containers:
        raise UserError(what=f"no container {container} of {app} runs in {namespace}", code=ExitCode.ERROR)
    found = groups_of(ground.process_of(pod.containers[container]))
    if any(GROUPS in {folder, folder.parent} for folder in found):
        raise UserError(what=f"{container} has no control group of its own", code=ExitCode.ERROR)
    return found


def _start(seconds: int, mebibytes: int, groups: list[Path]) -> int:
    words = [sys.executable, "-m", _MODULE, str(seconds), str(mebibytes), *map(str, groups)]
    process = subprocess.Popen(
        words, cwd=CHECKOUT, start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    joined = wait_until(
        lambda: process.poll() is not None or all(str(process.pid) in _members(group) for group in groups),
        JOINED_SECONDS,
    )
    if not joined or process.poll() is not None:
        relieve()
        raise UserError(what="what presses has not joined the control groups", code=ExitCode.ERROR)
    return process.pid


def _members(group: Path) -> list[str]:
    return (group / "cgroup.procs").read_text("ascii").split()


def _number(groups: list[Path], names: tuple[str, ...]) -> int:
    """The first of these files that any of the groups has; what is no number is no limit."""
    for group in groups:
        for name in names:
            if (group / name).is_file():
                text = (group / name).read_text("ascii").strip()
                return int(text) if text.isdigit() else 2**62
    raise UserError(what="no memory control group is there", where=str(groups[0]), code=ExitCode.ERROR)


def _pressing() -> Iterator[int]:
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if _MODULE.encode() in words and processes.is_alive(int(entry.name)):
                yield int(entry.name)
