"""One program built from its pin: into a folder of its own first, then moved into place."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from groundwork.console import Step
from groundwork.errors import ExitCode, UserError
from local import machine
from local.toolchain import pins, space
from local.toolchain.go import Go
from local.toolchain.programs import Pin, Program

# One compiler or linker needs up to this much memory; fewer run side by side where there is less.
_MEMORY_PER_JOB = 1536 * machine.MIB
_PACKAGE = re.compile(r"^[a-z0-9][\w.+~-]*(/[\w.+~-]+)*$")
_STOP_SECONDS = 10
_SOURCES = "sources"


@dataclass(kw_only=True)
class _Log:
    """What go prints: every line in a file, the last few that are no package names for the error."""

    file: IO[str]
    packages: int = 0
    downloads: int = 0
    told: deque[str] = field(default_factory=lambda: deque(maxlen=6))

    def take(self, line: str) -> str:
        """Keep a line; what to show while the build goes on."""
        self.file.write(line)
        text = line.strip()
        if text.startswith("go: downloading "):
            self.downloads += 1
            return f"downloading {text.split()[2]} ({self.downloads} modules)"
        if _PACKAGE.match(text):
            self.packages += 1
        elif text:
            self.told.append(text)
        return f"{self.packages} packages compiled"


def jobs() -> int:
    """How many compilers run side by side: one per core, fewer where memory is short."""
    by_memory = machine.memory_available() // _MEMORY_PER_JOB
    return max(1, min(machine.cores(), by_memory or 1))


def command(go: Go, program: Program, out: Path) -> list[str]:
    """The go command that builds a program. Run in the folder of its pin, or in the copy that has its patches."""
    tags = ["-tags", program.pin.tags] if program.pin.tags else []
    flags = [*pins.BUILD_FLAGS, "-ldflags", pins.ldflags(program.pin), *tags]
    return [str(go.path), "build", "-v", "-p", str(jobs()), *flags, "-o", str(out), program.package]


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What every build uses. `lock`: the descriptor of the held lock, which go keeps open too, so that a build whose
    starter was killed is still waited for."""

    go: Go
    toolchain: Path
    lock: int


def build(program: Program, shop: Workshop, work: Path, step: Step) -> Path:
    """Build a program and move it to its place in one step; gives that place.

    `work`: an empty folder for what is half done. Raises UserError, with go's own words, where it fails.
    """
    out, place = work / program.name, pins.folder(program.pin, shop.toolchain) / program.name
    log_path = shop.toolchain / "log" / f"{program.name}.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    where = step.detail
    sources = _patched(program.pin, shop, work) if program.pin.patches else program.pin.folder
    with log_path.open("w", encoding="utf-8") as file:
        log = _Log(file=file)
        process = subprocess.Popen(
            command(shop.go, program, out),
            cwd=sources,
            env=shop.go.environment(work),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            pass_fds=(shop.lock,),
        )
        try:
            for line in process.stderr or ():
                step.update(f"{where}, {log.take(line)}")
            code = process.wait()
        except BaseException:
            _stop(process)
            raise
    if code != 0:
        raise _failed(program, log, log_path, code, work)
    step.update(where)
    place.parent.mkdir(parents=True, exist_ok=True)
    _keep(program.pin, shop, work)
    out.rename(place)
    return place


def _patched(pin: Pin, shop: Workshop, work: Path) -> Path:
    """A copy of the pin's module in which its patches stand: Go replaces no file of its module cache."""
    copy = work / _SOURCES
    shutil.copytree(shop.go.fetch(pin, work), copy, copy_function=shutil.copyfile)
    for folder in (copy, *(path for path in copy.rglob("*") if path.is_dir())):  # the module cache is read-only
        folder.chmod(0o755)
    for path, own in pin.patches:
        shutil.copyfile(pin.folder / own, copy / path)
    return _below(pin, copy) if pin.listed else copy


def _below(pin: Pin, copy: Path) -> Path:
    """The pin's go.mod and go.sum, by which the copy stands in for the module."""
    own = copy.with_name("listed")
    own.mkdir()
    text = (pin.folder / "go.mod").read_text(encoding="utf-8")
    (own / "go.mod").write_text(f"{text}\nreplace {pin.module} => ../{copy.name}\n", encoding="utf-8")
    shutil.copyfile(pin.folder / "go.sum", own / "go.sum")
    return own


def _keep(pin: Pin, shop: Workshop, work: Path) -> None:
    """Copy the pin's files beside its programs, before the first of these: where a program is, they are."""
    folder = pins.folder(pin, shop.toolchain)
    for path, source in pin.files:
        place, copy = folder / path, work / "kept" / path
        if place.exists():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        origin = (work / _SOURCES if pin.patches else shop.go.module(pin, work)) / source
        if origin.is_dir():
            shutil.copytree(origin, copy, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(origin, copy)
        for made in (copy, *copy.rglob("*")):  # the module cache is read-only
            made.chmod(0o755 if made.is_dir() else 0o644)
        place.parent.mkdir(parents=True, exist_ok=True)
        copy.rename(place)


def _stop(process: subprocess.Popen[str]) -> None:
    """End go, which then ends its compilers and empties its work folder."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _failed(program: Program, log: _Log, log_path: Path, code: int, work: Path) -> UserError:
    told = " | ".join(log.told) or f"exit status {code}"
    if "no space left on device" in told:
        return space.too_small(work, free=machine.disk_free(work) // machine.MIB, need=None)
    fix = f"run it again: what is compiled already is kept. All that go said: {log_path}"
    if re.search(r"dial tcp|no such host|i/o timeout|connection refused|proxyconnect|TLS handshake|GOPROXY", told):
        fix = f"check that the Go module proxy can be reached (GOPROXY names it), then run it again. Log: {log_path}"
    elif "signal: killed" in told:
        fix = f"free some memory (a compiler was killed for want of it), then run it again. Log: {log_path}"
    return UserError(what=f"go could not build it: {told}", where=program.name, fix=fix, code=ExitCode.ERROR)
