"""The keeper of snapshots: what it calls whole, what it says of itself, and that S3 can tell who asks."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Known
from prometheus_client import CollectorRegistry

from snapshot_keeper.keeper import PARTS, Keeper, refuse_half
from snapshot_keeper.s3 import Credentials, credentials, sign

GIVEN = Credentials(key_id="AKIDEXAMPLE", secret="a/secret", token="a-token")
NOW = datetime(2026, 11, 29, 21, 0, tzinfo=UTC)
LAST = "groundwork_openbao_snapshot_timestamp_seconds"


def archive(*names: str) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as made:
        for name in names:
            content = hashlib.sha256(name.encode()).hexdigest().encode() * 50
            member = tarfile.TarInfo(name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return held.getvalue()


def test_a_whole_one_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(archive(*PARTS))
    refuse_half(file)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"<html>sealed</html>", "cannot be read"),
        (archive(*PARTS)[:-30], "cannot be read"),
        (archive("meta.json", "state.bin"), "it has no SHA256SUMS, SHA256SUMS.sealed"),
    ],
)
def test_half_of_one_is_no_snapshot(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "a"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        refuse_half(file)


class World:
    """Where snapshots are from and where they go; `fails` is raised in place of either."""

    def __init__(self) -> None:
        self.put: dict[str, bytes] = {}
        self.now, self.fails = NOW.timestamp(), None
        self.registry = CollectorRegistry()
        self.keeper = Keeper(
            self._take, self._put, clock=lambda: self.now, every=3600, prefix="openbao", registry=self.registry
        )

    now: float
    fails: Exception | None

    def _take(self, file: Path) -> None:
        if self.fails is not None:
            raise self.fails
        file.write_bytes(b"all of it")

    def _put(self, name: str, file: Path) -> None:
        self.put[name] = file.read_bytes()


def test_each_has_a_name_of_its_own_and_the_newest_is_told() -> None:
    world = World()
    assert world.registry.get_sample_value(LAST) == 0
    assert world.keeper.round()
    world.now += 3600
    assert world.keeper.round()
    assert world.put == {
        "openbao/2026-11-29T210000Z.snap": b"all of it",
        "openbao/2026-11-29T220000Z.snap": b"all of it",
    }
    assert world.registry.get_sample_value(LAST) == world.now
    assert world.registry.get_sample_value("groundwork_openbao_snapshot_interval_seconds") == 3600


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("no"),
        OSError("full"),
        ValueError("half"),
        KeyError("AccessKeyId"),
        httpx.HTTPStatusError(
            "a-token", request=httpx.Request("GET", "https://a.test"), response=httpx.Response(403, text="a-token")
        ),
    ],
)
def test_one_that_fails_changes_nothing_and_its_error_says_no_secret(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    world.keeper.round()
    world.fails = error
    world.now += 3600
    assert not world.keeper.round()
    assert len(world.put) == 1
    assert world.registry.get_sample_value(LAST) == NOW.timestamp()
    assert world.registry.get_sample_value("groundwork_openbao_snapshots_total", {"result": "failed"}) == 1
    assert "a-token" not in caplog.text


def test_a_request_is_signed_as_awss_own_library_signs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://s3.eu-west-1.amazonaws.com/a-bucket/openbao/2026-11-29T210000Z.snap"
    digest = hashlib.sha256(b"all of it").hexdigest()
    given = {
        "host": "s3.eu-west-1.amazonaws.com",
        "if-none-match": "*",
        "x-amz-content-sha256": digest,
        "x-amz-security-token": "a-token",
    }
    ours = sign("PUT", url, given, GIVEN, "eu-west-1", NOW)
    # It takes no time but the clock's.
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: NOW.replace(tzinfo=None))
    theirs = AWSRequest("PUT", url, headers={"If-None-Match": "*"}, data=b"all of it")
    S3SigV4Auth(Known("AKIDEXAMPLE", "a/secret", "a-token"), "s3", "eu-west-1").add_auth(theirs)
    assert ours["authorization"] == theirs.headers["Authorization"]


@pytest.fixture
def agent() -> Iterator[str]:
    """What stands on each node of EKS."""

    class Agent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.headers["Authorization"] == "of-the-pod" else 401)
            self.end_headers()
            told = {"AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "a/secret", "Token": "a-token"}
            self.wfile.write(json.dumps(told).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the library's name
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Agent)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/credentials"
    server.shutdown()
    server.server_close()


def test_its_rights_are_those_of_its_pod(agent: str, tmp_path: Path) -> None:
    token = tmp_path / "token"
    environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token)}
    token.write_text("of-the-pod\n")
    assert credentials(environment) == GIVEN
    assert "a-token" not in repr(GIVEN)
    assert "a/secret" not in repr(GIVEN)
    token.write_text("of-another")
    with pytest.raises(httpx.HTTPStatusError):
        credentials(environment)
