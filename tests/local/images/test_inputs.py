"""The key of an image: another for any changed input, the same whatever else changes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groundwork.errors import UserError
from local.images import context
from local.images.catalogue import BUILDER, names, sources
from tests.local.images.repository import DOCKERFILE, make

INPUTS = ["images/hello/Dockerfile", "images/hello/settings.txt", "src/app/main.py", "src/app/deep/down.txt"]
OUTSIDE = [
    "src/other.py",
    "README.md",
    "src/app/__pycache__/main.pyc",
    "src/app/deep/stale.pyc",
    "images/hello/notes.md",
]


def key(root: Path, base: str = "base") -> str:
    return sources(["hello"], base, root)[-1].key


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(INPUTS), st.binary(min_size=1, max_size=8), st.integers(0, 10_000))
def test_any_changed_byte_of_an_input_changes_the_key(name: str, inserted: bytes, where: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = make(Path(folder))
        before, file = key(root), root / name
        old = file.read_bytes()
        at = len(old) if name.endswith("Dockerfile") else where % (len(old) + 1)
        added = b"\n# " + inserted.hex().encode() if name.endswith("Dockerfile") else inserted
        file.write_bytes(old[:at] + added + old[at:])
        assert key(root) != before
        file.write_bytes(old)
        assert key(root) == before


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(OUTSIDE), st.binary(max_size=20))
def test_no_file_outside_the_inputs_changes_the_key(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = make(Path(folder))
        before = key(root)
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
        assert key(root) == before


def test_names_kinds_and_the_base_are_inputs(tmp_path: Path) -> None:
    root = make(tmp_path)
    seen = {key(root), key(root, base="another")}
    (root / "src/app/new.txt").write_text("", "utf-8")
    seen.add(key(root))
    (root / "src/app/new.txt").rename(root / "src/app/newer.txt")
    seen.add(key(root))
    (root / "src/app/main.py").chmod(0o755)
    seen.add(key(root))
    (root / "src/app/newer.txt").unlink()
    (root / "src/app/newer.txt").symlink_to("main.py")
    seen.add(key(root))
    assert len(seen) == 6


def test_times_and_the_umask_are_no_inputs(tmp_path: Path) -> None:
    root = make(tmp_path)
    before = key(root)
    (root / "src/app/main.py").touch()
    (root / "src/app/main.py").chmod(0o600)
    assert key(root) == before


def test_the_builder_is_an_input_only_of_images_that_use_it(tmp_path: Path) -> None:
    plain, using = (
        make(tmp_path / "a"),
        make(tmp_path / "b", DOCKERFILE.replace("ARG BASE", "ARG BASE\nARG BUILDER", 1)),
    )
    assert [one.name for one in sources(["hello"], "base", plain)] == ["hello"]
    assert [one.name for one in sources(["hello"], "base", using)] == [BUILDER, "hello"]
    before = key(plain), key(using)
    for root in (plain, using):
        (root / "images/builder/Dockerfile").write_text("ARG BASE\nFROM ${BASE}\nRUN true\n", "utf-8")
    assert key(plain) == before[0]
    assert key(using) != before[1]


def test_what_is_staged_is_what_was_hashed(tmp_path: Path) -> None:
    root = make(tmp_path / "repo")
    (root / "src/app/main.py").chmod(0o700)
    (root / "src/app/link").symlink_to("deep/down.txt")
    (root / "src/app/__pycache__").mkdir()
    (root / "src/app/__pycache__/main.pyc").write_bytes(b"stale")
    files = context.entries(root, ("src/app", "images/hello/*.txt"), where="f")
    context.stage(files, tmp_path / "staged")
    staged = {
        path.relative_to(tmp_path / "staged").as_posix(): oct(path.lstat().st_mode & 0o777)
        for path in (tmp_path / "staged").rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert staged == {
        "images/hello/settings.txt": "0o644",
        "src/app/main.py": "0o755",
        "src/app/deep/down.txt": "0o644",
    }
    assert (tmp_path / "staged/src/app/link").readlink() == Path("deep/down.txt")


def test_an_unknown_image_names_those_there_are(tmp_path: Path) -> None:
    root = make(tmp_path)
    with pytest.raises(UserError, match="helo") as caught:
        sources(["helo"], "base", root)
    assert caught.value.allowed == "hello"
    assert names(root) == ("hello",)


def test_the_builder_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        sources([BUILDER], "base", make(tmp_path))


@pytest.mark.parametrize("source", ["src/nothing", "src/*.nothing"])
def test_a_missing_source_is_told_with_the_dockerfile(tmp_path: Path, source: str) -> None:
    root = make(tmp_path, f"ARG BASE\nFROM ${{BASE}}\nCOPY {source} /\n")
    with pytest.raises(UserError) as caught:
        sources(["hello"], "base", root)
    assert caught.value.where == "images/hello/Dockerfile"
    assert repr(source) in caught.value.what


def test_a_link_out_of_the_repository_is_refused(tmp_path: Path) -> None:
    root = make(tmp_path / "repo")
    (root / "src/app/passwd").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match="leaves the repository"):
        key(root)
