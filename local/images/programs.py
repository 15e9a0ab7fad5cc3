"""`COPY programs/<name>` in a Dockerfile: what the tool chain builds, staged as if it stood in the repository."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from groundwork.console import Progress
from groundwork.errors import UserError
from local.toolchain import ensure as build
from local.toolchain import pins
from local.toolchain.programs import PROGRAMS, Pin

FOLDER = "programs"


@dataclass(frozen=True, kw_only=True)
class Copied:
    """One file of the tool chain that an image takes. `path`: in its pin's folder; `source`: as COPY names it."""

    pin: Pin
    path: str
    source: str

    @property
    def key(self) -> str:
        """Another for anything else that it would be built from."""
        return pins.key(self.pin)

    def file(self, folder: Path) -> Path:
        """Where it is, once built."""
        return pins.folder(self.pin, folder) / self.path


def is_program(source: str) -> bool:
    """Whether a COPY source is one of the tool chain's."""
    return PurePosixPath(source.strip("/")).parts[:1] == (FOLDER,)


def find(sources: Iterable[str], *, where: str) -> tuple[Copied, ...]:
    """What `programs/<program>` and `programs/<pin>/<file>` stand for. Raises UserError for what no pin has."""
    return tuple(_find(source.strip("/"), where) for source in sources if is_program(source))


def ensure(copied: Sequence[Copied], folder: Path, progress: Progress) -> None:
    """Have them built from their pins. One on PATH does not serve: it may need what the image does not have."""
    missing = {one.pin.name for one in copied if not one.file(folder).exists()}
    wanted = [name for name, program in PROGRAMS.items() if program.pin.name in missing]
    build(wanted, progress=progress, folder=folder, pinned=True)


def stage(copied: Sequence[Copied], folder: Path, target: Path) -> None:
    """Copy them below `target`, programs as programs and other files as files."""
    for one in copied:
        place = target / one.source
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(one.file(folder), place)
        place.chmod(0o755 if one.path in PROGRAMS else 0o644)


def _find(source: str, where: str) -> Copied:
    name = source.removeprefix(f"{FOLDER}/")
    if name in PROGRAMS:
        return Copied(pin=PROGRAMS[name].pin, path=name, source=source)
    pin_name, _, path = name.partition("/")
    for pin in _pins():
        if pin.name == pin_name and path in dict(pin.files):
            return Copied(pin=pin, path=path, source=source)
    raise UserError(
        what=f"{source!r} is no program of the tool chain",
        where=where,
        allowed=", ".join([*PROGRAMS, *_files()]),
        fix="add it to local/toolchain/programs.py, with its pin",
    )


def _files() -> list[str]:
    return sorted(f"{pin.name}/{file}" for pin in _pins() for file, _ in pin.files)


def _pins() -> Iterable[Pin]:
    """Each pin once, however many programs it has."""
    return {program.pin.name: program.pin for program in PROGRAMS.values()}.values()
