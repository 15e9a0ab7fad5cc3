from __future__ import annotations

import stat
from pathlib import Path

import pytest

from local.node.host.files import ManagedFile, write_atomic


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_made_once(tmp_path: Path) -> None:
    file = ManagedFile(path=tmp_path / "key", mode=0o600, content=b"x")
    assert file.apply()
    assert not file.apply()
    assert (file.path.read_bytes(), mode(file.path)) == (b"x", 0o600)


@pytest.mark.parametrize("damage", ["content", "mode", "gone"])
def test_what_differs_is_mended(tmp_path: Path, damage: str) -> None:
    file = ManagedFile(path=tmp_path / "key", mode=0o600, content=b"x")
    file.apply()
    if damage == "content":
        file.path.write_bytes(b"")
    elif damage == "mode":
        file.path.chmod(0o644)
    else:
        file.path.unlink()
    assert file.apply()
    assert (file.path.read_bytes(), mode(file.path)) == (b"x", 0o600)


def test_a_folder_gets_its_mode_and_keeps_its_contents(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(mode=0o755)
    (tmp_path / "a" / "b").write_text("kept")
    folder = ManagedFile(path=tmp_path / "a", mode=0o700)
    assert folder.apply()
    assert not folder.apply()
    assert (tmp_path / "a" / "b").read_text() == "kept"
    assert mode(tmp_path / "a") == 0o700


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    (target / "full").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_atomic(target, b"new", 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
