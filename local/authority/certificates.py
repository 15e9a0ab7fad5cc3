"""Roots and intermediates as the mesh uses them: ECDSA P-256, X.509 v3, in PEM."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT_LIFE = dt.timedelta(days=90)
INTERMEDIATE_LIFE = dt.timedelta(days=30)
# Below the root stands OpenBao's own authority, and below that the mesh's intermediate. Roots that were made before
# 29 November 2026 have 1: they sign the mesh's intermediate, and cannot sign who signs one.
ROOT_PATH_LENGTH = 2
OPENBAO_PATH_LENGTH = 1
BACKDATE = dt.timedelta(minutes=5)  # a clock that was just set back does not refuse a fresh certificate
TRUST_DOMAIN = "cluster.local"


@dataclass(frozen=True, kw_only=True)
class Authority:
    """A certificate that may sign others, with its key, both as PEM.

    `above`: the certificates between it and the root, the nearest first; nothing where the root signed it itself.
    """

    certificate: str
    key: str
    above: str = ""

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
    return _pair(_builder(name, name, key.public_key(), now, life, path_length=ROOT_PATH_LENGTH), key, key)


def path_length(certificate: x509.Certificate) -> int:
    """How many authorities may stand below it; -1 where it is none. One without a limit is not made here."""
    found = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    return found.path_length if found.ca and found.path_length is not None else -1


def new_intermediate(root: Authority, now: dt.datetime, life: dt.timedelta = INTERMEDIATE_LIFE) -> Authority:
    """An intermediate that signs the certificates of pods. It ends with its root at the latest."""
    above = root.parsed()
    key = ec.generate_private_key(ec.SECP256R1())
    ends = min(now + life, above.not_valid_after_utc)
    builder = _builder(_name("intermediate", now), above.subject, key.public_key(), now, ends - now, path_length=0)
    return _pair(builder, key, _signing(root))


def sign_openbao(root: Authority, request: str, now: dt.datetime) -> str:
    """OpenBao's own authority, from its request (PEM): for as long as the root lives, with one level below it.

    Nothing but the name and the key is taken from the request. Raises ValueError where the two do not belong together.
    """
    asked, above, signing = x509.load_pem_x509_csr(request.encode()), root.parsed(), _signing(root)
    key = asked.public_key()
    if not asked.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("OpenBao's request is not signed by an elliptic curve's key of its own")
    left = above.not_valid_after_utc - now
    builder = _builder(asked.subject, above.subject, key, now, left, path_length=OPENBAO_PATH_LENGTH)
    return _signed(builder, signing)


def new_request(now: dt.datetime) -> tuple[str, str, str]:
    """For an intermediate that another signs: its key and the request, PEM, and the name that it is to have."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("intermediate", now)
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return _text(key), request.public_bytes(serialization.Encoding.PEM).decode(), common_name("intermediate", now)


def leads_to(chain: list[x509.Certificate], root: x509.Certificate) -> bool:
    """Whether each signed the one before it, and the root the last."""
    try:
        for below, above in itertools.pairwise([*chain, root]):
            below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return bool(chain)


def common_name(role: str, now: dt.datetime) -> str:
    """What an authority is called: openbao's policy allows no other for an intermediate (local/secrets/rules.py)."""
    return f"groundwork mesh {role} {now:%Y-%m-%d}"


def _name(role: str, now: dt.datetime) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, TRUST_DOMAIN),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name(role, now)),
        ]
    )


def _signing(root: Authority) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(root.key.encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the root's key is not an elliptic curve's")
    return key


def _builder(  # noqa: PLR0913 – what a certificate has
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
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
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _pair(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, signing: ec.EllipticCurvePrivateKey
) -> Authority:
    return Authority(certificate=_signed(builder, signing), key=_text(key))


def _signed(builder: x509.CertificateBuilder, signing: ec.EllipticCurvePrivateKey) -> str:
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    certificate = builder.add_extension(issuer, critical=False).sign(signing, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _text(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
