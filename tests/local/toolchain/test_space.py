from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.errors import UserError
from local.toolchain import PROGRAMS, space

programs = st.lists(st.sampled_from(list(PROGRAMS.values())), unique=True)


def folders(root: Path) -> space.Folders:
    return space.Folders(sources=root / "mod", cache=root / "cache", toolchain=root / "toolchain")


@given(programs)
def test_on_one_file_system_the_needs_add_up(wanted: list[object]) -> None:
    chosen = [program for program in PROGRAMS.values() if program in wanted]
    need = space.needed(chosen, folders(Path("/tmp")))
    together = space.by_filesystem(need)
    assert sum(together.values()) == sum(need.values())
    assert len(together) == (1 if chosen else 0)


@given(programs, st.sampled_from(list(PROGRAMS.values())))
def test_more_programs_never_need_less(wanted: list[object], other: object) -> None:
    root = folders(Path("/tmp"))
    few = [program for program in PROGRAMS.values() if program in wanted]
    many = [program for program in PROGRAMS.values() if program in wanted or program == other]
    assert sum(space.needed(few, root).values()) <= sum(space.needed(many, root).values())


def test_a_pins_sources_are_counted_once() -> None:
    one, both = ([PROGRAMS[name] for name in names] for names in (["kubelet"], ["kubelet", "kube-proxy"]))
    root = folders(Path("/tmp"))
    assert space.needed(one, root)[root.sources] == space.needed(both, root)[root.sources]


def test_each_file_system_is_judged_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = folders(tmp_path)
    monkeypatch.setattr("local.machine.filesystem", lambda path: 1 if path == where.cache else 2)
    monkeypatch.setattr("local.machine.disk_free", lambda path: 0 if path == where.cache else 1 << 50)
    with pytest.raises(UserError) as error:
        space.check([PROGRAMS["etcd"]], where)
    assert error.value.where == str(where.cache)
    assert error.value.fix is not None
    assert "GOCACHE" in error.value.fix


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda _path, _mode: False)
    with pytest.raises(UserError) as error:
        space.writable(folders(tmp_path))
    assert error.value.where == str(tmp_path)
