"""A caller from outside, against a server of the test's own that speaks TLS under the tenant's name."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.cluster import Cluster
from local.front_door import KEY_HEARD_SECONDS, front_door, is_known

HOST = "acme.groundwork.test"


def certified(host: str) -> tuple[bytes, bytes]:
    """A certificate for `host` that signs itself, and its key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


@dataclass(frozen=True, kw_only=True)
class Pretended(Cluster):
    """A cluster that has the authority's certificate, and remembers keys."""

    authority: str
    keys: dict[str, Mapping[str, object]] = field(default_factory=dict)
    seen: list[Mapping[str, object]] = field(default_factory=list)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Mapping[str, object] | None:
        assert (kind, namespace) == ("configmap", "groundwork-domains")
        return {"data": {"ca.crt": self.authority}} if name == "authority-certificate" else None

    def apply(self, wanted: Mapping[str, object]) -> None:
        metadata = wanted["metadata"]
        assert isinstance(metadata, Mapping)
        self.keys[f"{metadata['namespace']}/{metadata['name']}"] = wanted
        self.seen.append(wanted)

    def delete(self, kind: str, name: str, namespace: str) -> None:
        assert kind == "apikeys.groundwork.internal"
        del self.keys[f"{namespace}/{name}"]


class Handler(BaseHTTPRequestHandler):
    """Answers with what it was sent, with the next status of `statuses` or else 200."""

    statuses: ClassVar[Iterator[int]] = iter(())

    def do_GET(self) -> None:
        self._answer(b"null")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["content-length"])))

    def _answer(self, sent: bytes) -> None:
        body = json.dumps({"path": self.path, "headers": dict(self.headers), "body": json.loads(sent)}).encode()
        self.send_response(next(self.statuses, 200))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the base class's name
        """Nothing."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[tuple[int, str, list[str | None]]]:
    """A server: its port, its certificate, and the names that TLS was asked for."""
    certificate, key = certified(HOST)
    (tmp_path / "tls.pem").write_bytes(certificate + key)
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.pem")
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1], certificate.decode(), names
    server.shutdown()
    server.server_close()
    thread.join()


def pretended(tmp_path: Path, authority: str) -> Pretended:
    return Pretended(kubectl=tmp_path / "kubectl", kubeconfig=tmp_path / "kubeconfig", authority=authority)


def test_the_question_goes_under_the_tenants_name_with_a_key_that_is_gone_after(
    tmp_path: Path, gateway: tuple[int, str, list[str | None]]
) -> None:
    port, authority, names = gateway
    cluster = pretended(tmp_path, authority)
    with front_door(cluster, ["acme", "acme"]) as door:
        answer = door.post("acme", f"https://{HOST}:{port}/agents/concierge/v1/invoke", {"input": "x"}).json()
        assert len(cluster.keys) == 1
        assert door.keys["acme"] not in repr(door)
    assert (answer["path"], answer["body"]) == ("/agents/concierge/v1/invoke", {"input": "x"})
    assert answer["headers"]["host"] == HOST
    assert names == [HOST]
    assert answer["headers"]["x-api-key"].startswith("gw_")
    assert answer["headers"]["x-api-key"].rpartition("_")[2] not in json.dumps(cluster.seen), "only its hash is stored"
    assert cluster.keys == {}


def test_a_key_that_the_gateway_has_yet_to_hear_of_is_tried_again(
    tmp_path: Path, gateway: tuple[int, str, list[str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, authority, names = gateway
    monkeypatch.setattr(Handler, "statuses", iter([401, 401]))
    with front_door(pretended(tmp_path, authority), ["acme"]) as door:
        assert door.post("acme", f"https://{HOST}:{port}/", {"input": "x"}).status_code == 200
    assert len(names) == 3


@pytest.mark.parametrize(("age", "status"), [(0.0, 403), (KEY_HEARD_SECONDS, 401)])
def test_any_other_refusal_and_one_of_a_key_that_is_known_long_since_is_the_answer(
    age: float, status: int, tmp_path: Path, gateway: tuple[int, str, list[str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, authority, names = gateway
    monkeypatch.setattr(Handler, "statuses", iter([status]))
    with front_door(pretended(tmp_path, authority), ["acme"]) as door:
        old = replace(door, opened=door.opened - age)
        assert old.post("acme", f"https://{HOST}:{port}/", {"input": "x"}).status_code == status
    assert len(names) == 1


@pytest.mark.parametrize(("statuses", "known"), [([], True), ([503] * 10, True), ([200, 200, 401], False)])
def test_a_key_is_known_where_it_is_let_in_ten_times_in_a_row(
    statuses: list[int],
    known: bool,
    gateway: tuple[int, str, list[str | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port, authority, names = gateway
    monkeypatch.setattr(Handler, "statuses", iter(statuses))
    assert is_known(authority, f"https://{HOST}:{port}/agents/concierge", "gw_key") is known
    assert len(names) == (10 if known else 3)


def test_no_key_is_known_to_a_gateway_that_does_not_answer(gateway: tuple[int, str, list[str | None]]) -> None:
    port, _, _ = gateway
    assert not is_known(certified(HOST)[0].decode(), f"https://{HOST}:{port}/agents/concierge", "gw_key")


def test_a_gateway_that_another_authority_certifies_is_not_asked(
    tmp_path: Path, gateway: tuple[int, str, list[str | None]]
) -> None:
    port, _, _ = gateway
    cluster = pretended(tmp_path, certified(HOST)[0].decode())
    with pytest.raises(httpx.ConnectError), front_door(cluster, ["acme"]) as door:
        door.post("acme", f"https://{HOST}:{port}/", {"input": "x"})
    assert cluster.keys == {}, "also when the question failed"
