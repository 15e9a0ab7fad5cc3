"""A full disk: no byte is left on a server's volume. This machine's own disk is nobody's to fill.

A file system of its own, of a bounded size, lies over the pod's volume meanwhile.
"""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

from components.mesh.names import OBSERVABILITY_NAMESPACE
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from loadtests.faults import ground
from loadtests.faults.ground import Pod

# Prometheus alone takes 128 MiB at once for the head of its database.
ROOM, READY_SECONDS = "256m", 120.0
SOURCE, FILLER = "groundwork-full", "filler"
MOUNTS = Path("/proc/self/mounts")


def fill_disk(server: str) -> str:
    """Leave no byte where a server of the observability layer writes. Returns the file that fills its volume."""
    pod = _pod(server)
    volume = _volume(pod)
    found = volume.stat()
    options = f"size={ROOM},mode={found.st_mode & 0o7777:o},uid={found.st_uid},gid={found.st_gid}"
    ground.run(["mount", "-t", "tmpfs", "-o", options, SOURCE, str(volume)])
    _restart(server, pod)
    fill(volume / FILLER)
    return str(volume / FILLER)


def free_disk() -> list[str]:
    """End the pods whose volumes were filled, and take away what lies over those. Returns the volumes."""
    found = _filled()
    for volume in found:
        for pod in ground.pods(OBSERVABILITY_NAMESPACE):
            if pod.uid in volume.parts:
                words = ("--force", "--grace-period=0", "--ignore-not-found")
                ground.here().do("delete", "pod", pod.name, "-n", pod.namespace, *words)
        ground.run(["umount", "--lazy", str(volume)])
    return [str(volume) for volume in found]


def left() -> list[str]:
    """The volumes that something lies over."""
    return [f"{volume} is full" for volume in _filled()]


def fill(file: Path) -> None:
    """Write until there is no room for another page."""
    for size in (2**20, 4096):
        try:
            with file.open("ab", buffering=0) as opened:
                while True:
                    opened.write(bytes(size))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def _filled() -> list[Path]:
    rows = [line.split() for line in MOUNTS.read_text("utf-8").splitlines()]
    return [Path(row[1]) for row in rows if row[0] == SOURCE]


def _pod(server: str) -> Pod:
    found = ground.pods(OBSERVABILITY_NAMESPACE, server)
    if len(found) != 1 or server not in found[0].containers:
        raise UserError(what=f"{server} does not run, or in more than one pod", code=ExitCode.ERROR)
    return found[0]


def _volume(pod: Pod) -> Path:
    from local.node.settings import NodeSettings
    from local.paths import Paths

    pods = NodeSettings.real(Paths.for_user()).data / "kubelet/pods"
    return pods / pod.uid / "volumes/kubernetes.io~empty-dir/data"


def _restart(server: str, pod: Pod) -> None:
    """A container sees what is mounted over its volumes when it starts."""
    before = pod.containers[server]
    os.kill(ground.process_of(before), signal.SIGKILL)

    def again() -> bool:
        now = next((each for each in ground.pods(OBSERVABILITY_NAMESPACE, server) if each.uid == pod.uid), None)
        return now is not None and now.containers.get(server, before) != before and server in now.ready

    if not wait_until(again, READY_SECONDS):
        raise UserError(what=f"{server} did not start again", code=ExitCode.ERROR)
