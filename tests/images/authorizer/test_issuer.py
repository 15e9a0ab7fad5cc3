"""An issuer whose keys are fetched over TLS, and change."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.images.authorizer.samples import ISSUER, Object, tenant_object
from tests.images.authorizer.world import Signer, key_set, world

pytestmark = pytest.mark.engine

OLD, NEW = Signer.rs256("old"), Signer.es256("new")


def certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that signs itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "issuer")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(hours=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / "issuer.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@contextmanager
def issuer(file: Path, keys: Object) -> Iterator[str]:
    """Serve the keys, whatever they are at the moment; gives the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(keys).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the library's name
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/keys"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_keys_over_tls_serve_also_while_the_issuer_is_away(tmp_path: Path) -> None:
    file, keys = certificate(tmp_path), key_set(OLD)
    with world({"SSL_CERT_FILE": str(file)}) as running:
        with issuer(file, keys) as uri:
            body = tenant_object(issuers=[{"issuer": ISSUER, "audiences": ["agents"], "jwksUri": uri}])
            running.objects.put(body)
            running.until("allowed", OLD.token())
            assert running.bearer(NEW.token()).reason == "invalid_token"
        assert running.bearer(OLD.token(jti="another")).reason == "allowed"


def test_an_issuer_that_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    file = certificate(tmp_path)
    with world() as running, issuer(file, key_set(OLD)) as uri:
        running.objects.put(tenant_object(issuers=[{"issuer": ISSUER, "audiences": ["agents"], "jwksUri": uri}]))
        running.until("keys_unavailable", OLD.token())
        assert running.bearer(OLD.token()).status == 503
