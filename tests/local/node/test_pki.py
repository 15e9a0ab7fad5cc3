from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from local.node.host.pki import LEAF_LIFE, CertificateSpec, ensure_pki, ensure_signing_key
from local.node.host.secretbox import LostKeyError, ensure_encryption_config

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SERVER = CertificateSpec(
    name="server",
    authority="cluster",
    common_name="api",
    usages=("server",),
    dns=("localhost",),
    addresses=("127.0.0.1",),
)
CLIENT = CertificateSpec(name="client", authority="cluster", common_name="system:node:n", organization="system:nodes")
ALL = ["cluster/ca", "cluster/server", "cluster/client"]


def ensure(root: Path, now: dt.datetime = NOW, *specs: CertificateSpec) -> list[str]:
    return ensure_pki(root, ["cluster"], specs or (SERVER, CLIENT), now)


def certificate(root: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((root / "cluster" / f"{name}.crt").read_bytes())


def test_everything_is_made_once(tmp_path: Path) -> None:
    assert ensure(tmp_path) == ALL
    assert ensure(tmp_path) == []


def test_keys_are_the_owners_alone(tmp_path: Path) -> None:
    ensure(tmp_path)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.key")} == {0o600}
    assert (tmp_path / "cluster").stat().st_mode & 0o777 == 0o700


def test_a_certificate_says_who_it_is_and_what_it_is_for(tmp_path: Path) -> None:
    ensure(tmp_path)
    found = certificate(tmp_path, "client")
    found.verify_directly_issued_by(certificate(tmp_path, "ca"))
    assert found.subject.rfc4514_string() == "CN=system:node:n,O=system:nodes"
    usages = found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


DAMAGES: dict[str, Callable[[Path], object]] = {
    "half a key": lambda folder: (folder / "server.key").write_bytes((folder / "server.key").read_bytes()[:60]),
    "an empty certificate": lambda folder: (folder / "server.crt").write_bytes(b""),
    "no certificate": lambda folder: (folder / "server.crt").unlink(),
    "no key": lambda folder: (folder / "server.key").unlink(),
    "the key of another": lambda folder: (folder / "server.key").write_bytes((folder / "client.key").read_bytes()),
    "another's certificate": lambda folder: (folder / "server.crt").write_bytes((folder / "client.crt").read_bytes()),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_pair_is_made_again_and_no_other(tmp_path: Path, damage: str) -> None:
    ensure(tmp_path)
    DAMAGES[damage](tmp_path / "cluster")
    assert ensure(tmp_path) == ["cluster/server"]
    assert ensure(tmp_path) == []


def test_a_lost_authority_renews_all_it_signs(tmp_path: Path) -> None:
    ensure(tmp_path)
    (tmp_path / "cluster" / "ca.key").unlink()
    assert ensure(tmp_path) == ALL


def test_a_certificate_is_renewed_before_it_ends(tmp_path: Path) -> None:
    ensure(tmp_path)
    assert ensure(tmp_path, NOW + LEAF_LIFE - dt.timedelta(days=91)) == []
    assert ensure(tmp_path, NOW + LEAF_LIFE - dt.timedelta(days=89)) == ALL[1:]


def test_other_names_call_for_another_certificate(tmp_path: Path) -> None:
    ensure(tmp_path)
    moved = CertificateSpec(
        name="server",
        authority="cluster",
        common_name="api",
        usages=("server",),
        dns=("localhost",),
        addresses=("::1",),
    )
    assert ensure(tmp_path, NOW, moved) == ["cluster/server"]


def test_a_key_that_others_can_read_is_closed(tmp_path: Path) -> None:
    ensure(tmp_path)
    key = tmp_path / "cluster" / "server.key"
    key.chmod(0o644)
    ensure(tmp_path)
    assert key.stat().st_mode & 0o777 == 0o600


def test_the_signing_key_is_made_once_and_its_public_half_mended(tmp_path: Path) -> None:
    assert ensure_signing_key(tmp_path, "sa") == ["sa"]
    private = (tmp_path / "sa.key").read_bytes()
    (tmp_path / "sa.pub").write_bytes(b"half")
    assert ensure_signing_key(tmp_path, "sa") == ["sa"]
    assert ensure_signing_key(tmp_path, "sa") == []
    assert (tmp_path / "sa.key").read_bytes() == private


def test_the_encryption_key_is_made_once_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "encryption.json"
    assert ensure_encryption_config(path, tmp_path / "etcd") == ["encryption.json"]
    first = path.read_bytes()
    assert ensure_encryption_config(path, tmp_path / "etcd") == []
    assert path.read_bytes() == first
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"resources": []}', b"half"])
def test_a_damaged_encryption_key_is_replaced_only_while_nothing_is_encrypted(tmp_path: Path, damage: bytes) -> None:
    path, data = tmp_path / "encryption.json", tmp_path / "etcd"
    path.write_bytes(damage)
    data.mkdir()
    (data / "member").mkdir()
    with pytest.raises(LostKeyError):
        ensure_encryption_config(path, data)
    (data / "member").rmdir()
    assert ensure_encryption_config(path, data) == ["encryption.json"]
