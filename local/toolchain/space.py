"""Whether the disk has room for a cold build, asked before it starts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import ExitCode, UserError
from local import machine
from local.toolchain.programs import Program

# What Go keeps in its work folder at most, in MiB, rounded up (docs/toolchain.md says what was measured).
WORK_MB = 1024
# Measured for all pins together: module files and indexes beside the sources; what pins compile in common.
_INDEXES, _COMMON = 1.05, 0.9


@dataclass(frozen=True, kw_only=True)
class Folders:
    """Where a build writes: Go's module sources, Go's build cache, and this project's own folder."""

    sources: Path
    cache: Path
    toolchain: Path


def needed(programs: Iterable[Program], folders: Folders) -> dict[Path, int]:
    """What a cold build of the programs writes to each folder, in MiB. For a few pins it is a little off; the
    room for the work folder covers that."""
    wanted = tuple(programs)
    if not wanted:
        return {}
    built = {program.pin.name: program.pin for program in wanted}.values()
    return {
        folders.sources: int(_INDEXES * sum(pin.sources_mb for pin in built)),
        folders.cache: int(_COMMON * sum(pin.cache_mb for pin in built)),
        folders.toolchain: sum(program.size_mb for program in wanted) + WORK_MB,
    }


def by_filesystem(need: Mapping[Path, int]) -> dict[Path, int]:
    """The needs of folders on one file system, added up under the one that needs most."""
    groups: dict[int, list[Path]] = {}
    for folder in need:
        groups.setdefault(machine.filesystem(folder), []).append(folder)
    return {max(group, key=lambda one: need[one]): sum(need[one] for one in group) for group in groups.values()}


def check(programs: Iterable[Program], folders: Folders) -> None:
    """Raise UserError where a file system has too little room; it names the folder, the need and what is free."""
    for folder, need in by_filesystem(needed(programs, folders)).items():
        check_room(folder, need)


def check_room(folder: Path, need: int) -> None:
    """Raise UserError where the file system of `folder` has less than `need` MiB free."""
    free = machine.disk_free(folder) // machine.MIB
    if free < need:
        raise too_small(folder, free=free, need=need)


def too_small(folder: Path, *, free: int, need: int | None) -> UserError:
    """The error of a full disk. `free`, `need` in MiB; `need` is None where a build ran out of room midway."""
    wanted = "more room" if need is None else f"{need / 1024:.1f} GiB free"
    return UserError(
        what=f"building the missing programs needs {wanted}, and {free / 1024:.1f} GiB are",
        where=str(folder),
        fix="free some space there, or move the caches: GOMODCACHE, GOCACHE and XDG_CACHE_HOME name their folders",
        code=ExitCode.USAGE,
    )


def writable(folders: Folders) -> None:
    """Raise UserError where a folder that a build writes to cannot be written."""
    for folder in (folders.sources, folders.cache, folders.toolchain):
        near = machine.existing(folder)
        if not os.access(near, os.W_OK | os.X_OK):
            raise UserError(
                what="this user cannot write there, and building programs needs it",
                where=str(near),
                fix="make it writable, or set GOMODCACHE, GOCACHE and XDG_CACHE_HOME to folders that are",
            )
