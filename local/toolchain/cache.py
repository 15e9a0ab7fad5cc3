"""The folder of built programs: links to them, leftovers of killed runs, versions that were superseded."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from local.toolchain import go, pins
from local.toolchain.programs import PROGRAMS, Program
from local.toolchain.survey import Found

WORK_PREFIX = ".build-"
_LEFTOVER = re.compile(r"^\.(build|go|link)-")
_KEYED = re.compile(rf"^(?P<name>[a-z0-9-]+)-[0-9a-f]{{{pins.KEY_LENGTH}}}$")
# A node that runs may start a superseded program again until its own configuration has moved on.
_KEPT = 1


def link(found: Iterable[Found], toolchain: Path) -> None:
    """Make `bin` hold a link to each program; a link is replaced in one step, and only where it changes."""
    folder = toolchain / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for one in found:
        place = folder / one.program.name
        if one.path is None or (place.is_symlink() and place.readlink() == one.path):
            continue
        temporary = toolchain / f".link-{os.getpid()}-{one.program.name}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(one.path)
        temporary.replace(place)


def clean(toolchain: Path) -> None:
    """Remove what killed runs left half done. The lock must be held: nobody else is at work then."""
    for path in toolchain.iterdir():
        if not _LEFTOVER.match(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def prune(toolchain: Path) -> None:
    """Remove programs of earlier pins, save the last before the present one. The lock must be held."""
    present = {pins.folder(program.pin, toolchain) for program in PROGRAMS.values()} | {go.folder(toolchain)}
    old: dict[str, list[Path]] = {}
    for path in toolchain.iterdir():
        hit = _KEYED.match(path.name)
        if hit is not None and path not in present and path.is_dir():
            old.setdefault(hit["name"], []).append(path)
    for group in old.values():
        for path in sorted(group, key=lambda one: one.stat().st_mtime, reverse=True)[_KEPT:]:
            shutil.rmtree(path, ignore_errors=True)


def begun(toolchain: Path, programs: Sequence[Program]) -> bool:
    """Whether a run that did not come to its end had room for these programs when it began."""
    try:
        return _rows(programs) <= set(_note(toolchain).read_text(encoding="utf-8").splitlines())
    except OSError:
        return False


def begin(toolchain: Path, programs: Sequence[Program]) -> None:
    """Note that there is room for these programs and that they are being built."""
    temporary = toolchain / f".link-{os.getpid()}-begun"
    temporary.write_text("\n".join(sorted(_rows(programs))), encoding="utf-8")
    temporary.replace(_note(toolchain))


def finish(toolchain: Path) -> None:
    """Forget the note: all is built."""
    _note(toolchain).unlink(missing_ok=True)


def _note(toolchain: Path) -> Path:
    return toolchain / ".begun"


def _rows(programs: Sequence[Program]) -> set[str]:
    return {f"{program.name} {pins.key(program.pin)}" for program in programs}
