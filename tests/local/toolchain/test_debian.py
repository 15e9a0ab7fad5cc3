from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from groundwork.console import PlainProgress
from groundwork.errors import ExitCode, UserError
from local.toolchain import debian
from local.toolchain.debian import Package
from tests.local.toolchain.conftest import Machine

HERE = Package(name="here", purpose="is there", programs=("here-program",))
AWAY = Package(name="away", purpose="is not", programs=("away-program", "away-other"))
APT = """
    import os, pathlib, sys
    home = pathlib.Path(os.environ["FAKE_GO"])
    with (home / "apt").open("a") as calls:
        print(pathlib.Path(sys.argv[0]).name, *sys.argv[1:], file=calls)
    if "update" in sys.argv and (home / "offline").exists():
        sys.exit("W: something else\\nE: Could not resolve the mirror\\nE: more")
    if "install" in sys.argv and not (home / "empty").exists():
        for name in ("away-program", "away-other"):
            file = pathlib.Path(sys.argv[0]).parent / name
            file.write_text("#!/bin/sh\\n")
            file.chmod(0o755)
"""


@pytest.fixture
def root(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Root on a Debian whose apt-get installs the package `away`."""
    machine.says("here-program", "")
    machine.program("apt-get", APT)
    machine.program("dpkg", APT)
    monkeypatch.setattr(debian, "is_debian", lambda: True)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return machine


def ensure() -> str:
    shown = io.StringIO()
    debian.ensure(PlainProgress(shown), [HERE, AWAY])
    return shown.getvalue()


def calls(machine: Machine) -> list[str]:
    file = machine.go / "apt"
    return file.read_text().splitlines() if file.exists() else []


def test_only_what_is_missing_is_installed_after_the_lists_are_new(root: Machine) -> None:
    shown = ensure()
    first, second, third = calls(root)
    assert first.startswith("dpkg --configure -a")
    assert second.startswith("apt-get") and second.endswith("update")
    assert third.startswith("apt-get") and third.endswith(" away")
    assert "--no-install-recommends" in third
    assert "Installing Debian packages: away" in shown


def test_a_second_time_nothing_is_done(root: Machine) -> None:
    ensure()
    before = calls(root)
    assert ensure() == ""
    assert calls(root) == before


def test_who_is_not_root_is_told_the_command(root: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(UserError) as error:
        ensure()
    assert error.value.fix == "sudo apt-get update && sudo apt-get install --no-install-recommends -y away"
    assert error.value.code is ExitCode.USAGE
    assert calls(root) == []


def test_on_another_system_the_programs_are_named(root: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "is_debian", lambda: False)
    with pytest.raises(UserError, match="away-program, away-other"):
        ensure()
    assert calls(root) == []


def test_apts_own_reason_is_told(root: Machine) -> None:
    (root.go / "offline").touch()
    with pytest.raises(UserError, match="E: Could not resolve the mirror") as error:
        ensure()
    assert error.value.code is ExitCode.ERROR


def test_a_package_that_does_not_bring_its_programs_is_told(root: Machine) -> None:
    (root.go / "empty").touch()
    with pytest.raises(UserError, match="still not there: away"):
        ensure()


def test_a_program_by_its_whole_path(tmp_path: Path) -> None:
    file = tmp_path / "plugin"
    assert debian.find(str(file)) is None
    file.write_text("")
    assert debian.find(str(file)) is None
    file.chmod(0o755)
    assert debian.find(str(file)) == file


def test_a_library_is_there_when_it_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "libany.so.1"
    assert debian.find(str(file)) is None
    file.touch(0o644)
    assert debian.find(str(file)) == file


def test_each_package_stands_once_and_has_a_purpose() -> None:
    names = [package.name for package in debian.PACKAGES]
    assert len(names) == len(set(names))
    assert all(package.purpose and package.programs for package in debian.PACKAGES)
