from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.toolchain import ENGINE, LOCAL_NODE, PROGRAMS, SIMULATED, pins
from local.toolchain.programs import CHARTS, IMAGES, PINS, TESTS, Pin
from local.toolchain.versions import Version

ALL_PINS = {program.pin.name: program.pin for program in PROGRAMS.values()}


@pytest.mark.parametrize("pin", ALL_PINS.values(), ids=list(ALL_PINS))
def test_every_pin_is_whole(pin: Pin) -> None:
    """Its version can be read, its programs stand in go.mod's tool lines, and the linker's flags hold the version."""
    text = (pin.folder / "go.mod").read_text()
    assert pins.version_text(pin).startswith(f"v{pins.version(pin)}")
    assert (pin.folder / "go.sum").stat().st_size > 0
    assert all(program.package in text for program in PROGRAMS.values() if program.pin == pin)
    assert pins.ldflags(pin).startswith("-s -w")
    assert "{" not in pins.ldflags(pin)


def test_every_folder_of_pins_has_a_program_and_every_set_is_known() -> None:
    assert {folder.name for folder in PINS.iterdir()} == ALL_PINS.keys()
    assert {*LOCAL_NODE, *SIMULATED, *ENGINE, *IMAGES, *CHARTS, *TESTS} <= PROGRAMS.keys()


def test_a_version_stands_once() -> None:
    """No version of a pin is repeated in the table."""
    table = (PINS.parent / "programs.py").read_text()
    assert [pin.name for pin in ALL_PINS.values() if str(pins.version(pin)) in table] == []


def test_the_newest_go_line_is_known() -> None:
    assert pins.go_needed(ALL_PINS["etcd"]) >= Version(1, 26)


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_other_parts_have_another_digest(one: list[bytes], other: list[bytes]) -> None:
    assert (pins.digest(one) == pins.digest(other)) == (one == other)


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(PINS, tmp_path / "pins")
    monkeypatch.setattr("local.toolchain.programs.PINS", tmp_path / "pins")
    return tmp_path / "pins"


@pytest.mark.parametrize("name", ["go.mod", "go.sum"])
def test_the_key_changes_with_each_file_and_with_nothing_else(copied: Path, name: str) -> None:
    pin, other = ALL_PINS["etcd"], ALL_PINS["helm"]
    before, elsewhere = pins.key(pin), pins.key(other)
    assert pins.key(pin) == before
    with (copied / "etcd" / name).open("a") as file:
        file.write("\n")
    assert pins.key(pin) != before
    assert pins.key(other) == elsewhere


def test_the_key_changes_with_the_recipe() -> None:
    pin = ALL_PINS["etcd"]
    others = [dataclasses.replace(pin, ldflags="-X a.b=c"), dataclasses.replace(pin, tags="no_btrfs")]
    assert len({pins.key(one) for one in (pin, *others)}) == 3


def test_the_key_changes_with_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    before = pins.key(ALL_PINS["etcd"])
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert pins.key(ALL_PINS["etcd"]) != before


def test_a_go_mod_without_the_module_is_refused(copied: Path) -> None:
    (copied / "etcd" / "go.mod").write_text("module x\n\ngo 1.26.0\n")
    with pytest.raises(ValueError, match="does not require go"):
        pins.version_text(ALL_PINS["etcd"])
