"""`groundwork toolchain`, as a person types it."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from local.toolchain.programs import ENGINE, PROGRAMS
from local.toolchain.verbs import app
from tests.local.toolchain.conftest import Machine


@pytest.fixture
def wide(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A terminal in which no column is cut."""
    monkeypatch.setenv("COLUMNS", "300")
    return machine


def test_list_names_every_program_with_its_state(wide: Machine) -> None:
    wide.says("etcd", "etcd Version: 3.6.8")
    done = CliRunner().invoke(app, ["list"])
    assert done.exit_code == 0
    rows = {words[1]: words for line in done.stdout.splitlines() if len(words := line.split()) > 3}
    assert PROGRAMS.keys() <= rows.keys()
    assert str(wide.path / "etcd") in rows["etcd"]


def test_build_makes_the_named_part_only_and_once(wide: Machine) -> None:
    for _ in range(2):
        assert CliRunner().invoke(app, ["build", "engine"]).exit_code == 0
        assert sorted(wide.built()) == sorted(PROGRAMS[name].package for name in ENGINE)


def test_a_part_that_is_none_is_refused_with_those_that_are() -> None:
    done = CliRunner().invoke(app, ["build", "everything"])
    assert done.exit_code == 2
    assert "simulated" in done.output
