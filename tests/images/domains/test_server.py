from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import httpx
import pytest

from domains_operator import server

READY = [True]


@pytest.fixture(scope="module")
def get() -> Callable[[str], httpx.Response]:
    answers = {"token": "token.thumbprint"}
    port = server.serve("127.0.0.1", 0, lambda: READY[0], answers.get)
    return lambda path: httpx.get(f"http://127.0.0.1:{port}{path}")


def test_a_challenge_is_answered_by_its_token_alone(get: Callable[[str], httpx.Response]) -> None:
    found = get("/.well-known/acme-challenge/token")
    assert (found.status_code, found.text) == (200, "token.thumbprint")
    assert found.headers["content-type"] == "text/plain"
    for path in ("/.well-known/acme-challenge/other", "/.well-known/acme-challenge/", "/token", "/", "/metrics"):
        assert get(path).status_code == 404


def test_it_says_whether_it_is_ready(get: Callable[[str], httpx.Response], monkeypatch: pytest.MonkeyPatch) -> None:
    assert get("/readyz").status_code == 200
    monkeypatch.setattr("tests.images.domains.test_server.READY", [False])
    assert get("/readyz").status_code == 503
    assert get("/healthz").status_code == 200


def test_who_goes_away_is_no_trouble(get: Callable[[str], httpx.Response], capfd: pytest.CaptureFixture[str]) -> None:
    port = get("/healthz").request.url.port
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", port or 0)) as rude:
            rude.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset at once
    assert get("/healthz").status_code == 200
    assert "Traceback" not in capfd.readouterr().err


def test_only_get_is_spoken(get: Callable[[str], httpx.Response]) -> None:
    url = get("/healthz").request.url
    assert httpx.post(url).status_code == 501
