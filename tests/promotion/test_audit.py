"""The log finds whatever is done to it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from groundwork.errors import ExitCode, UserError
from promotion.audit import Log
from promotion.signing import Signer
from tests.promotion.made import NOW, World


def written(folder: Path, count: int = 6) -> tuple[World, Log]:
    world = World(folder)
    for number in range(count):
        world.office.record(NOW, "promoted", "alice", "local", bill=f"sha256:{number}")
    return world, world.office.log


def damaged(log: Log) -> str:
    with pytest.raises(UserError) as caught:
        log.entries()
    assert caught.value.code is ExitCode.FAIL
    return str(caught.value)


def test_what_was_written_is_there(tmp_path: Path) -> None:
    _, log = written(tmp_path)
    assert [entry.data["bill"] for entry in log.entries()] == [f"sha256:{number}" for number in range(6)]


def test_an_empty_log_is_whole(tmp_path: Path) -> None:
    assert World(tmp_path).office.log.entries() == []


@pytest.mark.parametrize("line", range(6))
def test_an_edit_is_found(tmp_path: Path, line: int) -> None:
    _, log = written(tmp_path)
    lines = log.file.read_text("utf-8").splitlines(keepends=True)
    lines[line] = lines[line].replace("alice", "mallory")
    log.file.write_text("".join(lines), "utf-8")
    assert f"line {line + 1}" in damaged(log)


@pytest.mark.parametrize("line", range(6))
def test_a_removal_is_found(tmp_path: Path, line: int) -> None:
    _, log = written(tmp_path)
    lines = log.file.read_text("utf-8").splitlines(keepends=True)
    del lines[line]
    log.file.write_text("".join(lines), "utf-8")
    damaged(log)


def test_that_all_but_nothing_was_cut_off_is_found(tmp_path: Path) -> None:
    _, log = written(tmp_path)
    log.file.write_text("", "utf-8")
    assert "cut off" in damaged(log)


def test_a_lost_head_is_found(tmp_path: Path) -> None:
    _, log = written(tmp_path)
    log.file.with_suffix(".head").unlink()
    assert "head is gone" in damaged(log)


def test_a_stranger_cannot_append(tmp_path: Path) -> None:
    world, log = written(tmp_path)
    stranger = Signer("audit", Ed25519PrivateKey.generate())
    Log(file=log.file, trust=world.trust).append(stranger, NOW, "promoted", "alice", "local")
    assert "does not fit" in damaged(log)


def test_an_older_log_with_its_head_is_found_by_a_head_noted_elsewhere(tmp_path: Path) -> None:
    world, log = written(tmp_path, 3)
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    world.office.record(NOW, "promoted", "alice", "local")
    noted = log.head
    assert log.holds(noted)
    for file, content in before.items():
        file.write_bytes(content)
    assert len(log.entries()) == 3, "by itself it looks whole"
    assert not log.holds(noted)


def test_a_kill_while_writing_loses_only_what_was_not_acknowledged(tmp_path: Path) -> None:
    world, log = written(tmp_path, 2)
    with log.file.open("a", encoding="utf-8") as stream:
        stream.write('{"kind":"audit-en')
    assert len(log.entries()) == 2
    world.office.record(NOW, "promoted", "alice", "local")
    assert [entry.number for entry in log.entries()] == [1, 2, 3]


def test_a_kill_between_line_and_head_is_whole(tmp_path: Path) -> None:
    world, log = written(tmp_path, 2)
    head = log.file.with_suffix(".head").read_bytes()
    world.office.record(NOW, "promoted", "alice", "local")
    log.file.with_suffix(".head").write_bytes(head)
    assert len(log.entries()) == 3
    world.office.record(NOW, "promoted", "alice", "local")
    assert len(log.entries()) == 4


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(range(5)), st.integers(0, 10**6))
def test_any_other_order_and_any_changed_character_is_found(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], seed: int
) -> None:
    _, log = written(tmp_path_factory.mktemp("log"), 5)
    text = log.file.read_text("utf-8")
    lines = text.splitlines(keepends=True)
    if order != sorted(order):
        log.file.write_text("".join(lines[number] for number in order), "utf-8")
        damaged(log)
    place = random.Random(seed).randrange(len(text) - 1)  # noqa: S311
    changed = "~" if text[place] != "~" else "!"
    log.file.write_text(text[:place] + changed + text[place + 1 :], "utf-8")
    damaged(log)
