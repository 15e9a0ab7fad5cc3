"""Roots and intermediates as the mesh uses them: ECDSA P-256, X.509 v3, in PEM."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT_LIFE = dt.timedelta(days=90)
INTERMEDIATE_LIFE = dt.timedelta(days=30)
BACKDATE = dt.timedelta(minutes=5)  # a clock that was just set back does not refuse a fresh certificate
TRUST_DOMAIN = "cluster.local"


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A certificate that may sign others, with its key, both as PEM."""

    certificate: str
    key: str

    def parsed(self) -> x509.Certificate:
        """The certificate."""
        return x509.load_pem_x509_certificate(self.certificate.encode())

    @property
    def id(self) -> str:
        """What names it here: the first 12 hex digits of the SHA-256 of the certificate."""
        return fingerprint(self.parsed())[:12]


def fingerprint(certificate: x509.Certificate) -> str:
    """The SHA-256 of the certificate, in hex digits."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def parse_all(pem: str) -> list[x509.Certificate]:
    """The certificates of a bundle, in order. Raises ValueError for what is none."""
    return x509.load_pem_x509_certificates(pem.encode())


def new_root(now: dt.datetime, life: dt.timedelta = ROOT_LIFE) -> Authority:
    """A root that signs intermediates, and nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("root", now)
    return _pair(_builder(name, name, key, now, life, path_length=1), key, key)


def new_intermediate(root: Authority, now: dt.datetime, life: dt.timedelta = INTERMEDIATE_LIFE) -> Authority:
    """An intermediate that signs the certificates of pods. It ends with its root at the latest."""
    above = root.parsed()
    signing = serialization.load_pem_private_key(root.key.encode(), password=None)
    if not isinstance(signing, ec.EllipticCurvePrivateKey):
        raise TypeError("the root's key is not an elliptic curve's")
    key = ec.generate_private_key(ec.SECP256R1())
    ends = min(now + life, above.not_valid_after_utc)
    builder = _builder(_name("intermediate", now), above.subject, key, now, ends - now, path_length=0)
    return _pair(builder, key, signing)


def _name(role: str, now: dt.datetime) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, TRUST_DOMAIN),
            x509.NameAttribute(NameOID.COMMON_NAME, f"groundwork mesh {role} {now:%Y-%m-%d}"),
        ]
    )


def _builder(  # noqa: PLR0913 – what a certificate has
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: dt.datetime,
    life: dt.timedelta,
    *,
    path_length: int,
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=True,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _pair(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signing: ec.EllipticCurvePrivateKey
) -> Authority:
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    certificate = builder.add_extension(issuer, critical=False).sign(signing, hashes.SHA256())
    return Authority(
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )
