"""OpenBao's and the database's own certificates: an authority of this user's, and leaves in the cluster.

They cannot come from OpenBao itself, which needs one before it starts, nor from the mesh, which it must outlive.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from groundwork.files import write_atomically
from local.authority.certificates import BACKDATE, Authority, new_root, parse_all
from local.cluster import Cluster

AUTHORITY_LIFE = dt.timedelta(days=5 * 365)
LEAF_LIFE = dt.timedelta(days=90)
RENEW_AT = dt.timedelta(days=30)
OURS = {"app.kubernetes.io/part-of": "groundwork"}


@dataclass(frozen=True, kw_only=True)
class Keeper:
    """The authority's files, in a folder of this user's; the key is in no cluster and in no stack's state."""

    folder: Path

    def authority(self, now: dt.datetime) -> Authority:
        """The authority, made where there is none."""
        certificate, key = self.folder / "ca.crt", self.folder / "ca.key"
        if certificate.exists() and key.exists():
            return Authority(certificate=certificate.read_text("utf-8"), key=key.read_text("utf-8"))
        made = new_root(now, AUTHORITY_LIFE)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(key, made.key, mode=0o600)
        write_atomically(certificate, made.certificate)
        return made


def leaf(authority: Authority, names: Sequence[str], now: dt.datetime) -> Authority:
    """A server's certificate, which names `names`, with its key."""
    signing = serialization.load_pem_private_key(authority.key.encode(), password=None)
    if not isinstance(signing, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic curve's")
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
    # A node of OpenBao is a client of the next.
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(authority.parsed().subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(uses, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .sign(signing, hashes.SHA256())
    )
    return Authority(
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )


@dataclass(frozen=True, kw_only=True)
class Served:
    """A server's certificate in a cluster: the Secret that holds it, and the names in it."""

    secret: str
    namespace: str
    names: Sequence[str]


def ensure(cluster: Cluster, authority: Authority, served: Served, now: dt.datetime) -> bool:
    """Have a Secret of a server's certificate in the cluster; False where it is good for a month more."""
    secret, namespace, names = served.secret, served.namespace, served.names
    found = cluster.get("secret", secret, namespace)
    if found is not None and _serves(found.get("data"), authority, names, now):
        return False
    if cluster.get("namespace", namespace) is None:
        own = {"name": namespace, "labels": OURS}
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": own})
    made = leaf(authority, names, now)
    files = {"tls.crt": made.certificate, "tls.key": made.key, "ca.crt": authority.certificate}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "kubernetes.io/tls",
            "metadata": {"name": secret, "namespace": namespace, "labels": OURS},
            "data": {name: base64.b64encode(text.encode()).decode() for name, text in files.items()},
        }
    )
    return True


def _serves(data: object, authority: Authority, names: Sequence[str], now: dt.datetime) -> bool:
    if not isinstance(data, Mapping):
        return False
    try:
        certificate, *_ = parse_all(base64.b64decode(str(data["tls.crt"])).decode())
        trusted = base64.b64decode(str(data["ca.crt"])).decode()
    except (KeyError, ValueError):
        return False
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        trusted == authority.certificate
        and certificate.not_valid_after_utc - now > RENEW_AT
        and set(names) <= set(found.get_values_for_type(x509.DNSName))
    )
