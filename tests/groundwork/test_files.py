from pathlib import Path

import pytest

from groundwork.files import write_atomically


def test_content_and_mode_are_as_asked(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "file"
    write_atomically(file, "text", mode=0o600)
    assert file.read_text() == "text"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(file, "new \ud800")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
