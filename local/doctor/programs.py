"""Python, Go, the programs of the tool chain, the vendor's Pulumi programs and Debian's packages."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable

from local.doctor.need import ALL_WAYS, REAL, Need, State
from local.paths import Paths
from local.record import Way
from local.toolchain import ENGINE, LOCAL_NODE, PROGRAMS, SIMULATED, debian, go, pins, vendor_kubernetes_plugin
from local.toolchain.programs import Program
from local.toolchain.survey import Found, Origin

GROUP = "programs"
_PYTHON = (3, 11)


def ways(program: Program) -> frozenset[Way]:
    """Which ways to have a cluster a program is needed for."""
    if program.name in ENGINE or program.name == "kubectl":
        return ALL_WAYS
    sets = ((Way.REAL, LOCAL_NODE), (Way.SIMULATED, SIMULATED))
    return frozenset(way for way, names in sets if program.name in names)


def needs(paths: Paths, found: Iterable[Found]) -> list[Need]:
    """Rows on all programs. `found`: the survey of the tool chain."""
    programs = tuple(found)
    to_build = [one.program for one in programs if one.origin is Origin.MISSING]
    return [_python(), _go(paths, to_build), *(_program(one) for one in programs), _plugin(), *packages()]


def packages() -> list[Need]:
    """A row for each Debian package that is missing, or one that says all are there."""
    absent = debian.missing()
    if not absent:
        names = ", ".join(package.name for package in debian.PACKAGES)
        return [_row("Debian packages", State.OK, f"there: {names}", ways=REAL)]
    if debian.can_install():
        return [_row(one.name, State.WARN, f"not there ({one.purpose})", "`up` installs it", REAL) for one in absent]
    return [
        _row(one.name, State.MISSING, f"not there ({one.purpose})", debian.how_to_install([one]), REAL)
        for one in absent
    ]


def _python() -> Need:
    state = State.OK if sys.version_info >= _PYTHON else State.MISSING
    wanted = ".".join(map(str, _PYTHON))
    return _row("Python", state, f"{platform.python_version()} ({sys.executable})", f"install Python {wanted} or newer")


def _go(paths: Paths, to_build: list[Program]) -> Need:
    least = max(pins.go_needed(program.pin) for program in PROGRAMS.values())
    found = go.find(paths.toolchain, least)
    if found is not None:
        return _row("Go", State.OK, f"{found.version} ({found.path})")
    if not to_build:
        return _row("Go", State.OK, "not there, and not needed: nothing is to be built")
    return _row("Go", State.WARN, f"none of {least} or newer", "`up` installs it into the cache")


def _program(one: Found) -> Need:
    name, needed_by = one.program.name, ways(one.program)
    beside = f"; passed over: {'; '.join(one.refused)}" if one.refused else ""
    if one.origin is Origin.MISSING:
        seen = f"{pins.version_text(one.program.pin)} to build, about {one.program.seconds} s on two cores{beside}"
        return _row(name, State.WARN, seen, "`up` builds it", needed_by)
    return _row(name, State.OK, f"{one.version} {one.origin.value}: {one.path}{beside}", ways=needed_by)


def _plugin() -> Need:
    found = vendor_kubernetes_plugin()
    seen = "the vendor's is not there: this project's own is used" if found is None else f"the vendor's: {found}"
    return _row("Kubernetes plugin", State.OK, seen)


def _row(name: str, state: State, seen: str, fix: str | None = None, ways: frozenset[Way] = ALL_WAYS) -> Need:
    return Need(group=GROUP, name=name, state=state, seen=seen, fix=None if state is State.OK else fix, ways=ways)
