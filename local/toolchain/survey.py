"""Which programs this machine has already: on PATH in a version that fits, or built here before."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from local.toolchain import pins
from local.toolchain.programs import PROGRAMS, Program
from local.toolchain.versions import Version

_ASK_SECONDS = 20


class Origin(Enum):
    """Where a program comes from."""

    PATH = "on PATH"
    BUILT = "built here"
    MISSING = "to build"


@dataclass(frozen=True, kw_only=True)
class Found:
    """One program: where it is and in which version. `refused`: what stands on PATH and does not fit."""

    program: Program
    origin: Origin
    path: Path | None = None
    version: Version | None = None
    refused: tuple[str, ...] = ()


def on_path(name: str, *, without: Iterable[Path]) -> Iterator[Path]:
    """Every executable of that name on PATH, first hit first, save in the folders `without`."""
    left_out = {folder.resolve() for folder in without}
    seen: set[Path] = set()
    for entry in os.get_exec_path():
        folder = Path(entry).resolve()
        if folder in seen or folder in left_out:
            continue
        seen.add(folder)
        hit = shutil.which(name, path=str(folder))
        if hit is not None:
            yield Path(hit)


def ask_version(path: Path, arguments: Sequence[str]) -> Version | None:
    """What a program says its version is; None where it cannot be asked."""
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            [path, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Version.find(done.stdout) or Version.find(done.stderr) if done.returncode == 0 else None


def survey(names: Iterable[str], toolchain: Path, *, pinned: bool = False) -> list[Found]:
    """Where each program stands, in the order of the table. Raises ValueError for a name that is not in it.

    `pinned`: only what was built from the pins counts.
    """
    asked = set(names)
    unknown = sorted(asked - PROGRAMS.keys())
    if unknown:
        raise ValueError(f"no such program: {', '.join(unknown)}; known: {', '.join(PROGRAMS)}")
    return [_find(program, toolchain, pinned) for name, program in PROGRAMS.items() if name in asked]


def _find(program: Program, toolchain: Path, pinned: bool) -> Found:
    here, refused = (None, ()) if pinned else _fitting(program, toolchain)
    if here is not None and (not program.pin.together or _same_everywhere(program, here, toolchain)):
        return here
    built = pins.folder(program.pin, toolchain) / program.name
    if os.access(built, os.X_OK):
        seen = pins.version(program.pin)
        return Found(program=program, origin=Origin.BUILT, path=built, version=seen, refused=refused)
    return Found(program=program, origin=Origin.MISSING, refused=refused)


def _fitting(program: Program, toolchain: Path) -> tuple[Found | None, tuple[str, ...]]:
    """The first on PATH that fits, and those before it that do not."""
    allowed = pins.fitting(program)
    refused: list[str] = []
    for path in on_path(program.name, without=[toolchain / "bin"]):
        seen = ask_version(path, program.ask)
        if seen is not None and seen in allowed:
            return Found(program=program, origin=Origin.PATH, path=path, version=seen), tuple(refused)
        refused.append(f"{path} ({seen or 'tells no version'}; {allowed} fits)")
    return None, tuple(refused)


def _same_everywhere(program: Program, here: Found, toolchain: Path) -> bool:
    """Whether all programs of the pin are on PATH in this one version."""
    others = [other for other in PROGRAMS.values() if other.pin == program.pin and other != program]
    found = [_fitting(other, toolchain)[0] for other in others]
    return all(other is not None and other.version == here.version for other in found)
