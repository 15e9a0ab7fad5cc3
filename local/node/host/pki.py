"""The node's own certificate authorities, certificates and keys: made once, checked and repaired on every run."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local.node.host.files import write_atomic

AUTHORITY_LIFE = dt.timedelta(days=3650)
LEAF_LIFE = dt.timedelta(days=365)
RENEW_BEFORE = dt.timedelta(days=90)
BACKDATE = dt.timedelta(minutes=5)  # a clock that was just set back does not refuse a fresh certificate
USAGES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


@dataclass(frozen=True, kw_only=True)
class CertificateSpec:
    """One certificate: `usages` of "server" and "client"; `organization` is the Kubernetes group of a client."""

    name: str
    authority: str
    common_name: str
    organization: str | None = None
    usages: tuple[str, ...] = ("client",)
    dns: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def subject(self) -> x509.Name:
        """The subject as X.509 has it."""
        parts = [x509.NameAttribute(NameOID.COMMON_NAME, self.common_name)]
        if self.organization:
            parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.organization))
        return x509.Name(parts)

    def names(self) -> list[x509.GeneralName]:
        """The subject alternative names."""
        addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in self.addresses]
        return [*(x509.DNSName(name) for name in self.dns), *addresses]


@dataclass(frozen=True)
class Pair:
    """A key and its certificate as they stand in `<folder>/<name>.key` and `<folder>/<name>.crt`."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def ensure_pki(
    root: Path, authorities: Iterable[str], certificates: Iterable[CertificateSpec], now: dt.datetime
) -> list[str]:
    """Bring `root` to the wanted state. Returns what was made anew, as paths below `root`.

    A pair that is missing, unreadable, mismatched, near its end, signed by another authority or for other names is made
    again; a new authority renews what it signs.
    """
    made: list[str] = []
    pairs: dict[str, Pair] = {}
    for name in authorities:
        folder = root / name
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        pair = _load(folder / "ca.key", folder / "ca.crt")
        if pair is None or _ends_soon(pair.certificate, now):
            pair = _make_authority(name, now)
            _store(folder / "ca.key", folder / "ca.crt", pair)
            made.append(f"{name}/ca")
        pairs[name] = pair
    for spec in certificates:
        key, certificate = root / spec.authority / f"{spec.name}.key", root / spec.authority / f"{spec.name}.crt"
        if not _fits(_load(key, certificate), spec, pairs[spec.authority], now):
            _store(key, certificate, _make_leaf(spec, pairs[spec.authority], now))
            made.append(f"{spec.authority}/{spec.name}")
    return made


def ensure_signing_key(root: Path, name: str) -> list[str]:
    """A key pair for tokens: `<name>.key` (0600) and `<name>.pub`. Returns its name when it was made or mended."""
    private, public = root / f"{name}.key", root / f"{name}.pub"
    key = _load_key(private)
    made = key is None
    if key is None:
        key = ec.generate_private_key(ec.SECP256R1())
        write_atomic(private, _key_bytes(key), 0o600)
    wanted = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    if not public.is_file() or public.read_bytes() != wanted:
        write_atomic(public, wanted, 0o644)
        made = True
    return [name] if made else []


def _fits(pair: Pair | None, spec: CertificateSpec, authority: Pair, now: dt.datetime) -> bool:
    if pair is None or _ends_soon(pair.certificate, now) or pair.certificate.subject != spec.subject():
        return False
    try:
        pair.certificate.verify_directly_issued_by(authority.certificate)
        usages = pair.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    return set(usages) == {USAGES[usage] for usage in spec.usages} and _names_of(pair.certificate) == spec.names()


def _names_of(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def _ends_soon(certificate: x509.Certificate, now: dt.datetime) -> bool:
    return not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc - RENEW_BEFORE


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey | None:
    try:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey) else None


def _load(key_path: Path, certificate_path: Path) -> Pair | None:
    key = _load_key(key_path)
    try:
        certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    return Pair(key, certificate) if key is not None and certificate.public_key() == key.public_key() else None


def _store(key_path: Path, certificate_path: Path, pair: Pair) -> None:
    write_atomic(key_path, _key_bytes(pair.key), 0o600)
    write_atomic(certificate_path, pair.certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(
    key: ec.EllipticCurvePrivateKey, subject: x509.Name, now: dt.datetime, life: dt.timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _make_authority(name: str, now: dt.datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    # The serial in the name keeps an old authority and its successor apart for whoever builds chains by name.
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, f"groundwork {name} {x509.random_serial_number():x}"[:64])]
    )
    certificate = (
        _builder(key, subject, now, AUTHORITY_LIFE)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Pair(key, certificate)


def _make_leaf(spec: CertificateSpec, authority: Pair, now: dt.datetime) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    end = min(LEAF_LIFE, issuer.not_valid_after_utc - now)
    builder = (
        _builder(key, spec.subject(), now, end)
        .issuer_name(issuer.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([USAGES[usage] for usage in spec.usages]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    if spec.names():
        builder = builder.add_extension(x509.SubjectAlternativeName(spec.names()), critical=False)
    return Pair(key, builder.sign(authority.key, hashes.SHA256()))
