"""What the pins say: versions out of go.mod, and the key that names what is built from them."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from pathlib import Path

from local.toolchain.programs import PROGRAMS, Pin, Program
from local.toolchain.versions import Range, Version

BUILD_FLAGS = ("-trimpath", "-buildvcs=false")
KEY_LENGTH = 12
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def target() -> tuple[str, str]:
    """GOOS and GOARCH of this machine."""
    machine = platform.machine()
    return sys.platform, _MACHINES.get(machine, machine)


def version_text(pin: Pin) -> str:
    """The pinned version as go.mod writes it, such as `v1.36.3`."""
    text = (pin.folder / "go.mod").read_text(encoding="utf-8")
    hit = re.search(rf"^\s*(?:require\s+)?{re.escape(pin.module)}\s+(v\S+)", text, re.MULTILINE)
    if hit is None:
        raise ValueError(f"{pin.folder / 'go.mod'} does not require {pin.module}")
    return hit[1]


def version(pin: Pin) -> Version:
    """The pinned version."""
    found = Version.find(version_text(pin))
    if found is None:
        raise ValueError(f"{pin.folder / 'go.mod'}: the version of {pin.module} is not one")
    return found


def go_needed(pin: Pin) -> Version:
    """The oldest Go that builds the pin: go.mod's own `go` line."""
    text = (pin.folder / "go.mod").read_text(encoding="utf-8")
    hit = re.search(r"^go\s+(\S+)$", text, re.MULTILINE)
    found = Version.find(hit[1]) if hit else None
    if found is None:
        raise ValueError(f"{pin.folder / 'go.mod'} has no go line")
    return found


def fitting(program: Program) -> Range:
    """The versions of a program on PATH that serve in place of the pinned one."""
    return Range(version(program.pin), program.fit, program.at_least)


def ldflags(pin: Pin) -> str:
    """The linker's flags, with the version filled in."""
    seen = version(pin)
    own = pin.ldflags.format(version=version_text(pin), major=seen.major, minor=seen.minor)
    return f"-s -w {own}".rstrip()


def digest(parts: list[bytes]) -> str:
    """The key of some parts, in order. Each part's length counts, so that bytes cannot move from one to the next."""
    summed = hashlib.sha256()
    for part in parts:
        summed.update(len(part).to_bytes(8, "big") + part)
    return summed.hexdigest()[:KEY_LENGTH]


def key(pin: Pin) -> str:
    """What the pin's programs depend on: go.mod, go.sum, sources beside them, how they are built, for which machine."""
    packages = sorted(f"{program.name}={program.package}" for program in PROGRAMS.values() if program.pin == pin)
    kept = [f"{path}={source}" for path, source in sorted(pin.files)]
    recipe = [*BUILD_FLAGS, ldflags(pin), pin.tags, *packages, *kept, *target()]
    own = {*(path.name for path in pin.folder.glob("*.go")), *(file for _, file in pin.patches)}
    files = [(pin.folder / name).read_bytes() for name in ("go.mod", "go.sum", *sorted(own))]
    recipe += [path for path, _ in sorted(pin.patches)] + ["listed"] * pin.listed
    return digest([*files, *(part.encode() for part in recipe)])


def folder(pin: Pin, toolchain: Path) -> Path:
    """Where the pin's programs are, once built."""
    return toolchain / f"{pin.name}-{key(pin)}"
