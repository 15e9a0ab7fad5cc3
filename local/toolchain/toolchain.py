"""Have the programs: find each on PATH or in the cache, build the others, and put them all in one folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork.console import Progress
from local.paths import Paths
from local.toolchain import ahead, cache, go, lock, pins, space
from local.toolchain.build import Workshop, build
from local.toolchain.programs import Program
from local.toolchain.survey import Found, Origin, survey


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """Programs that are there. `bin_dir`: one folder with a link to each program that was ever asked for."""

    found: Mapping[str, Found]
    bin_dir: Path

    def path(self, program: str) -> Path:
        """Where a program really is: another path once its version changes. Raises KeyError if it was not asked for."""
        path = self.found[program].path
        if path is None:
            raise KeyError(program)
        return path


def ensure(names: Iterable[str], *, progress: Progress, folder: Path | None = None, pinned: bool = False) -> Toolchain:
    """Have these programs, building those that are missing. `folder`: the cache's place, if not the user's own.
    `pinned`: those built from the pins, whatever is on PATH; what `bin_dir` links to stays as it is then.

    Can be killed at any time and run again: what was built or compiled is not built again. Raises UserError where
    disk, network or a compiler fails, ValueError for a name that is not in the table.
    """
    wanted = tuple(names)
    toolchain = folder or Paths.for_user().toolchain
    found = survey(wanted, toolchain, pinned=pinned)
    if _missing(found):
        with lock.held(toolchain / ".lock", progress) as descriptor:
            cache.clean(toolchain)
            # Another run may have built them while this one waited.
            _build_all(_missing(survey(wanted, toolchain, pinned=pinned)), toolchain, progress, descriptor)
            cache.prune(toolchain)
        found = survey(wanted, toolchain, pinned=pinned)
    if not pinned:
        cache.link(found, toolchain)
    return Toolchain(found={one.program.name: one for one in found}, bin_dir=toolchain / "bin")


def _missing(found: Iterable[Found]) -> list[Program]:
    return [one.program for one in found if one.origin is Origin.MISSING]


def _build_all(programs: Sequence[Program], toolchain: Path, progress: Progress, descriptor: int) -> None:
    if not programs:
        return
    least = max(pins.go_needed(program.pin) for program in programs)
    tool = go.ensure(toolchain, least, progress)
    shop = Workshop(go=tool, toolchain=toolchain, lock=descriptor)
    folders = tool.folders(toolchain)
    space.writable(folders)
    # A run that was stopped midway has used some of the room it asked for: it is not asked for again.
    if not cache.begun(toolchain, programs):
        space.check(programs, folders)
        cache.begin(toolchain, programs)
    with ahead.fetching(programs, tool, toolchain):
        for count, program in enumerate(programs, start=1):
            _build_one(program, shop, f"{count} of {len(programs)}", progress)
    cache.finish(toolchain)


def _build_one(program: Program, shop: Workshop, count: str, progress: Progress) -> None:
    work = Path(tempfile.mkdtemp(prefix=cache.WORK_PREFIX, dir=shop.toolchain))
    try:
        with progress.step(f"Building {program.name} {pins.version_text(program.pin)}") as step:
            step.update(f"{count}, about {program.seconds} s from nothing")
            build(program, shop, work, step)
    finally:
        shutil.rmtree(work, ignore_errors=True)
