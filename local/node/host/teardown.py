"""Takes what the node left on the host away again; every step works on a half-removed node too."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from groundwork.waiting import wait_until
from local.node.host import network, processes, record, rules

MOUNTS = Path("/proc/self/mountinfo")
SOCKETS = Path("/proc/net/unix")


class StillMountedError(Exception):
    """Something is mounted below a folder that was to be deleted."""


def mounts_below(folders: Iterable[Path], mountinfo: str) -> list[str]:
    """Mount points in or at the folders, innermost and newest first."""
    points = [_unescaped(line.split()[4]) for line in mountinfo.splitlines()]
    roots = [str(folder) for folder in folders]
    return [point for point in reversed(points) if any(point == root or point.startswith(f"{root}/") for root in roots)]


def _unescaped(point: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point)


def unmount(folders: Sequence[Path]) -> bool:
    """Unmount everything below the folders; true when there was something."""
    points = mounts_below(folders, MOUNTS.read_text())
    for point in points:
        subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)
    left = mounts_below(folders, MOUNTS.read_text())
    if left:
        raise StillMountedError(", ".join(left))
    return bool(points)


def delete(path: Path) -> bool:
    """Delete a file, or a folder with all that is in it; StillMountedError rather than reach into a mounted folder."""
    left = mounts_below([path], MOUNTS.read_text())
    if left:
        raise StillMountedError(", ".join(left))
    if not path.is_dir():
        there = path.exists()
        path.unlink(missing_ok=True)
        return there
    shutil.rmtree(path)
    return True


def end_pods(runtime: Path, foreign: Sequence[str]) -> bool:
    """End the shims and all that runs in the pods' cgroups, and remove the cgroups."""
    shims = [process.pid for process in processes.of_node(runtime)]
    processes.end(shims, grace_seconds=0)
    roots = [path for path in record.pod_cgroups() if path.is_dir() and str(path) not in foreign]
    for root in roots:
        wait_until(partial(_is_empty, root), 20)
        for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
            folder.rmdir()
        root.rmdir()
    return bool(shims or roots)


def _is_empty(root: Path) -> bool:
    """Kill what runs in the cgroup; true when there was nothing."""
    members = {int(pid) for path in root.rglob("cgroup.procs") for pid in path.read_text().split()}
    processes.end(members, grace_seconds=0)
    return not members


def delete_traces(logs: Path, foreign: Sequence[str]) -> bool:
    """Delete what kubelet, shims and CNI plugins left in folders with fixed names, and those folders that are new."""
    used = SOCKETS.read_text()
    found = [path for pattern in record.TRACES for path in Path("/").glob(pattern.lstrip("/"))]
    made = [path for path in found if _is_trace(path, logs, used, foreign)]
    for path in made:
        path.unlink()
    for root in map(Path, record.FOLDERS):
        if root.is_dir() and str(root) not in foreign:
            _delete_empty(root)
    return bool(made)


def _is_trace(path: Path, logs: Path, used_sockets: str, foreign: Sequence[str]) -> bool:
    if path.is_symlink():
        return path.readlink().is_relative_to(logs)
    if path.is_socket():
        return f"{path}\n" not in used_sockets
    return path.is_file() and not any(path.is_relative_to(root) for root in foreign)


def _delete_empty(root: Path) -> None:
    folders = [path for path in root.rglob("*") if path.is_dir() and not path.is_symlink()]
    for folder in [*sorted(folders, reverse=True), root]:
        if not any(folder.iterdir()):
            folder.rmdir()


def restore_sysctls(values: dict[str, str]) -> list[str]:
    """Set kernel settings back; returns the names of those that differed."""
    changed = []
    for name, value in values.items():
        path = record.PROC_SYS / name
        if path.is_file() and path.read_text().strip() != value:
            path.write_text(value)
            changed.append(name)
    return changed


def restore_host(record_file: Path, runtime: Path, logs: Path, bridge: str, folders: Sequence[Path]) -> list[str]:
    """Undo what the real node did to the host, in an order that can be cut short and begun again. Returns what changed.

    The record goes last, with its folder: for as long as it is there, a second `down` knows what to restore.
    """
    known = record.load(record_file)
    foreign = known.folders if known else []
    done = {
        "pods": end_pods(runtime, foreign),
        "mounts": unmount(folders),
        "bridge": network.remove_bridge(bridge),
        "policies": rules.remove_policies(),
        "rules": rules.remove(known.chains if known else (), known.tables if known else rules.nft_tables()),
        "sysctls": bool(known and known.boot_id == record.boot_id() and restore_sysctls(known.sysctls)),
        "traces": delete_traces(logs, foreign if known else record.FOLDERS),
    }
    return [name for name, changed in done.items() if changed]
