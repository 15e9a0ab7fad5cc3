"""Ports of one rehearsal each, also of two that begin at once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from groundwork.errors import UserError
from local.rehearsal import ports
from local.rehearsal.ports import free_ports


def test_two_at_once_have_others_and_one_after_the_other_the_same(tmp_path: Path) -> None:
    with free_ports(9, tmp_path) as first, free_ports(9, tmp_path) as second:
        assert second >= first + 9
    with free_ports(9, tmp_path) as again:
        assert again == first


def test_where_something_listens_is_passed_over(tmp_path: Path) -> None:
    with free_ports(3, tmp_path) as base, socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", base + 2))
        server.listen()
        with free_ports(3, tmp_path / "of another user") as other:
            assert other > base


def test_a_mark_goes_with_what_failed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), free_ports(3, tmp_path) as failed:
        raise RuntimeError
    with free_ports(3, tmp_path) as again:
        assert again == failed


def test_all_taken_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "END", ports.FIRST)
    with pytest.raises(UserError, match="no 9 free ports in a row"), free_ports(9, tmp_path):
        pass
