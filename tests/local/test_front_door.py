"""A caller from outside, against a server of the test's own that speaks TLS under the tenant's name."""

from __future__ import annotations

import datetime as dt
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from local.cluster import Cluster
from local.front_door import front_door

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
    """Answers with what it was sent."""

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"path": self.path, "headers": dict(self.headers), "body": json.loads(sent)}).encode()
        self.send_response(200)
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


def test_a_gateway_that_another_authority_certifies_is_not_asked(
    tmp_path: Path, gateway: tuple[int, str, list[str | None]]
) -> None:
    port, _, _ = gateway
    cluster = pretended(tmp_path, certified(HOST)[0].decode())
    with pytest.raises(httpx.ConnectError), front_door(cluster, ["acme"]) as door:
        door.post("acme", f"https://{HOST}:{port}/", {"input": "x"})
    assert cluster.keys == {}, "also when the question failed"
