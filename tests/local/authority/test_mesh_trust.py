"""What a proxy's own list of secrets says about its trust."""

from __future__ import annotations

import base64
import datetime as dt
import json

from local.authority.certificates import fingerprint, new_intermediate, new_root
from local.authority.mesh import read_secrets

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def secret(name: str, key: str, path: str, *pems: str) -> dict[str, object]:
    value = base64.b64encode("".join(pems).encode()).decode()
    return {"name": name, "secret": {"name": name, key: {path: {"inline_bytes": value}}}}


def test_roots_signer_and_serial_are_read() -> None:
    old, new = new_root(NOW), new_root(NOW)
    above = new_intermediate(new, NOW)
    other = new_intermediate(old, NOW)
    leaf = new_intermediate(new, NOW)  # any certificate serves as one
    dump = {
        "configs": [
            secret("ROOTCA", "validation_context", "trusted_ca", old.certificate, new.certificate),
            secret("default", "tls_certificate", "certificate_chain", leaf.certificate, above.certificate),
            # What the gateway shows for a host, with another authority above it.
            secret("kubernetes://acme", "tls_certificate", "certificate_chain", leaf.certificate, other.certificate),
        ]
    }
    proxy = read_secrets("acme/one", json.dumps(dump))
    assert proxy.trusts == {fingerprint(old.parsed()), fingerprint(new.parsed())}
    assert proxy.signer == fingerprint(above.parsed())
    assert proxy.serial == f"{leaf.parsed().serial_number:x}"


def test_a_proxy_that_has_nothing_yet_trusts_nobody() -> None:
    nothing: tuple[dict[str, object], ...] = (
        {},
        {"configs": []},
        {"configs": [{"name": "default", "secret": {"name": "default"}}]},
    )
    for dump in nothing:
        proxy = read_secrets("acme/one", json.dumps(dump))
        assert (proxy.trusts, proxy.signer, proxy.serial) == (frozenset(), None, None)
