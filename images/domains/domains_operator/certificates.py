"""Certificates and keys: what issuers give, and the platform's own certificate authority."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Clocks differ a little: a certificate is valid from a moment before it was made.
_BACK = timedelta(minutes=5)
_RENEW_AT = 2 / 3
_JITTER = 1 / 24
_LONGEST_SUBJECT = 64


class Cause(Enum):
    """Why there is no certificate."""

    REFUSED = "Refused"
    RATE_LIMITED = "RateLimited"
    UNREACHABLE = "Unreachable"


class IssueError(Exception):
    """No certificate was given. `wait`: how long the authority asks not to be asked again."""

    def __init__(self, cause: Cause, detail: str, wait: timedelta = timedelta(0)) -> None:
        super().__init__(detail)
        self.cause, self.detail, self.wait = cause, detail[:500], wait


@dataclass(frozen=True)
class Issued:
    """A private key and its certificate with those above it, leaf first, both PEM."""

    key: bytes
    chain: bytes


@dataclass(frozen=True)
class Facts:
    """What stands in a leaf certificate."""

    names: frozenset[str]
    issuer: str
    not_before: datetime
    not_after: datetime

    @property
    def renew_at(self) -> datetime:
        """At two thirds of its life, and up to a twenty-fourth later: by name, so that not all are renewed at once."""
        life = self.not_after - self.not_before
        digest = hashlib.sha256(" ".join(sorted(self.names)).encode()).digest()
        return self.not_before + life * (_RENEW_AT + _JITTER * int.from_bytes(digest[:4]) / 2**32)


class Issuer(Protocol):
    """Whoever signs certificates."""

    def issue(self, names: Sequence[str]) -> Issued:
        """A new key with a certificate for all the names. Raises IssueError. May take minutes."""


def facts(chain: bytes) -> Facts | None:
    """What the first certificate of a PEM chain says; None if it is none."""
    try:
        found = x509.load_pem_x509_certificate(chain)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return None
    return Facts(
        names=frozenset(names.get_values_for_type(x509.DNSName)),
        issuer=found.issuer.rfc4514_string()[:500],
        not_before=found.not_valid_before_utc,
        not_after=found.not_valid_after_utc,
    )


def fits(issued: Issued, names: Sequence[str]) -> bool:
    """Whether the certificate is for just these names and the key is its own."""
    found = facts(issued.chain)
    try:
        key = serialization.load_pem_private_key(issued.key, None)
        certificate = x509.load_pem_x509_certificate(issued.chain)
    except (ValueError, TypeError):
        return False
    return found is not None and found.names == set(names) and key.public_key() == certificate.public_key()


def new_key() -> ec.EllipticCurvePrivateKey:
    """A key of the kind that every client of today takes, and that is cheap in a handshake."""
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The key as PKCS #8."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def request(key: ec.EllipticCurvePrivateKey, names: Sequence[str]) -> str:
    """What an authority is asked with, PEM. The first name is the one that people see, where it is not too long."""
    subject = _name(names[0]) if len(names[0]) <= _LONGEST_SUBJECT else x509.Name([])
    wanted = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(wanted, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


class OwnIssuer:
    """The platform's own authority: for environments that no public authority can look into."""

    def __init__(self, authority: Issued, life: timedelta) -> None:
        self._key = _own_key(authority.key)
        self._authority = x509.load_pem_x509_certificate(authority.chain)
        self._life = life

    def issue(self, names: Sequence[str]) -> Issued:
        """Sign at once."""
        key, now = new_key(), datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            # The name that people see; a name in full may be longer than this field allows.
            .subject_name(_name(names[0][:_LONGEST_SUBJECT]))
            .issuer_name(self._authority.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - min(_BACK, self._life / 10))
            .not_valid_after(min(now + self._life, self._authority.not_valid_after_utc))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        leaf = builder.sign(self._key, hashes.SHA256())
        return Issued(key=pem(key), chain=leaf.public_bytes(serialization.Encoding.PEM))


def new_authority(name: str, life: timedelta) -> Issued:
    """A new certificate authority, self-signed; it can sign certificates for servers, and no further authority."""
    key, now = new_key(), datetime.now(UTC)
    subject = _name(name[:_LONGEST_SUBJECT])
    root = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACK)
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Issued(key=pem(key), chain=root.public_bytes(serialization.Encoding.PEM))


def _own_key(text: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(text, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic curve's")
    return key


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
