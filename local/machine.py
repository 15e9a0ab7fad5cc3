"""What this machine has to work with: cores, memory, disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MIB = 1024 * 1024
_CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """Processor cores this process may use, counted down to the control group's quota; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cpu_quota()
    return max(1, allowed if quota is None else min(allowed, int(quota)))


def memory_total() -> int:
    """Memory of the machine, or of the control group's limit where that is less, in bytes."""
    limit = _memory_limit()
    total = _meminfo().get("MemTotal", 0)
    return total if limit is None else min(total, limit)


def memory_available() -> int:
    """Memory that can be had without swapping, in bytes; 0 where the machine does not say."""
    return min(_meminfo().get("MemAvailable", 0), memory_total())


def existing(path: Path) -> Path:
    """The nearest folder above a path, or the path itself, that is there."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def disk_free(path: Path) -> int:
    """Bytes this user may still write where `path` is or would be."""
    return shutil.disk_usage(existing(path)).free


def filesystem(path: Path) -> int:
    """A number that is the same for paths on one file system."""
    return existing(path).stat().st_dev


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _meminfo() -> dict[str, int]:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    rows = (line.split() for line in lines)
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if len(row) >= 2}


def _memory_limit() -> int | None:
    return _number(_CGROUP / "memory.max") or _number(_CGROUP / "memory/memory.limit_in_bytes")


def _cpu_quota() -> float | None:
    try:
        quota, period = (_CGROUP / "cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        wide, span = _number(_CGROUP / "cpu/cpu.cfs_quota_us"), _number(_CGROUP / "cpu/cpu.cfs_period_us")
    return wide / span if wide and span and wide > 0 else None
