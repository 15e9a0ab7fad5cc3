"""A module whose own requirements cannot be followed is built below the pin's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from local.toolchain import PROGRAMS, pins
from local.toolchain.build import _below


def test_the_copy_stands_in_for_the_module_below_the_pin_s_own_requirements(tmp_path: Path) -> None:
    pin = PROGRAMS["vault"].pin
    assert pin.listed
    copy = tmp_path / "sources"
    copy.mkdir()
    own = _below(pin, copy)
    text = (own / "go.mod").read_text()
    assert f"\treplace {pin.module}" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("replace ")]
    module, _, place = line.removeprefix("replace ").split()
    assert (module, (own / place).resolve()) == (pin.module, copy)
    assert text.startswith((pin.folder / "go.mod").read_text())
    assert (own / "go.sum").read_bytes() == (pin.folder / "go.sum").read_bytes()


def test_no_requirement_of_a_pin_is_a_folder() -> None:
    """It would be one of a machine's."""
    for program in PROGRAMS.values():
        text = (program.pin.folder / "go.mod").read_text()
        assert [line for line in text.splitlines() if "=> ." in line or "=> /" in line] == [], program.name


def test_what_is_listed_is_part_of_the_key() -> None:
    pin = PROGRAMS["vault"].pin
    assert pins.key(pin) != pins.key(replace(pin, listed=False))
