"""The tunnel from a scratch API server to what answers in a Service's place."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.rehearsal.passage import Passage, configuration, passage

SERVICE = "10.96.7.7:443"


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gwp") as folder:
        yield Path(folder) / "socket"


@pytest.fixture
def way(place: Path) -> Iterator[Passage]:
    with passage(place) as made:
        yield made


def asked(place: Path, line: str, more: bytes = b"") -> bytes:
    """What comes back of a call, or of what is sent through it."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(10)
        caller.connect(str(place))
        caller.sendall(f"{line}\r\nHost: 127.0.0.1\r\n\r\n".encode())
        found = caller.recv(4096)
        if more and b" 200 " in found:
            caller.sendall(more)
            found = caller.recv(4096)
        return found


def test_a_call_to_a_known_address_reaches_who_answers_for_it(place: Path, way: Passage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            other, _ = server.accept()
            with other:
                other.sendall(other.recv(4096).upper())

        thread = threading.Thread(target=answer)
        thread.start()
        way.ways[SERVICE] = server.getsockname()[1]
        assert asked(place, f"CONNECT {SERVICE} HTTP/1.1", b"may this pod run?") == b"MAY THIS POD RUN?"
        thread.join()


@pytest.mark.parametrize("line", [f"CONNECT {SERVICE} HTTP/1.1", f"GET {SERVICE} HTTP/1.1", "", "CONNECT"])
def test_a_call_that_nobody_takes_fails_at_once(place: Path, way: Passage, line: str) -> None:
    assert way.ways == {}
    assert asked(place, line).startswith(b"HTTP/1.1 502 ")


def test_an_address_whose_process_is_gone_fails_at_once(place: Path, way: Passage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        way.ways[SERVICE] = server.getsockname()[1]
    assert asked(place, f"CONNECT {SERVICE} HTTP/1.1").startswith(b"HTTP/1.1 502 ")


def test_the_api_server_is_told_of_it_for_calls_into_the_cluster_alone(place: Path) -> None:
    told = json.loads(configuration(place))
    assert told["kind"] == "EgressSelectorConfiguration"
    (only,) = told["egressSelections"]
    assert only["name"] == "cluster"
    assert only["connection"]["transport"] == {"uds": {"udsName": str(place)}}
