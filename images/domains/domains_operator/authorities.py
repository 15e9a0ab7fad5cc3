"""The authorities that sign, with keys that live in Secrets of the cluster and nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from domains_operator import certificates
from domains_operator.acme_issuer import AcmeIssuer, Publish
from domains_operator.certificates import Issued, Issuer, OwnIssuer
from domains_operator.openbao import PlatformIssuer
from domains_operator.settings import Settings

AUTHORITY, ACCOUNT, PROOF_KEY = "authority", "acme-account", "proof-key"
# The authority's certificate alone, for whoever is to trust it.
PUBLIC = "authority-certificate"
_TLS = "kubernetes.io/tls"


class Vault(Protocol):
    """Where keys are kept."""

    def secret(self, name: str) -> dict[str, bytes] | None:
        """A Secret's data."""

    def make_secret(self, name: str, data: Mapping[str, bytes], kind: str = "Opaque") -> None:
        """Make a Secret."""

    def config(self, name: str) -> dict[str, str]:
        """A ConfigMap's data."""

    def set_config(self, name: str, data: Mapping[str, str | None]) -> None:
        """Set keys of a ConfigMap."""


def proof_key(vault: Vault) -> bytes:
    """What proofs of this installation are made with; made once."""
    found = vault.secret(PROOF_KEY)
    if found is None:
        found = {"key": secrets.token_bytes(32)}
        vault.make_secret(PROOF_KEY, found)
    return found["key"]


def issuers(settings: Settings, vault: Vault, publish: Publish) -> dict[str, Issuer]:
    """The authorities that can be asked, by the names they have in Domains. Keys that are not there are made."""
    own = PlatformIssuer(vault, OwnIssuer(_authority(settings, vault), settings.own.life))
    if settings.acme is None:
        return {"own": own}

    def held(name: str) -> bool:
        return settings.zone_of(name) is not None

    return {"own": own, "acme": AcmeIssuer(settings.acme, _account(vault), held, publish)}


def own_name(settings: Settings) -> str:
    """The issuer's name in certificates of the own authority."""
    return f"CN={_common(settings)}"


def _common(settings: Settings) -> str:
    return f"Groundwork {settings.domain}"[:64]


def _authority(settings: Settings, vault: Vault) -> Issued:
    """The own authority, made once."""
    found = vault.secret(AUTHORITY)
    if found is None:
        made = certificates.new_authority(_common(settings), settings.own.root_life)
        vault.make_secret(AUTHORITY, {"tls.key": made.key, "tls.crt": made.chain}, _TLS)
    else:
        made = Issued(key=found["tls.key"], chain=found["tls.crt"])
    vault.set_config(PUBLIC, {"ca.crt": made.chain.decode()})
    return made


def _account(vault: Vault) -> ec.EllipticCurvePrivateKey:
    found = vault.secret(ACCOUNT)
    if found is None:
        found = {"key.pem": certificates.pem(certificates.new_key())}
        vault.make_secret(ACCOUNT, found)
    key = load_pem_private_key(found["key.pem"], None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"Secret {ACCOUNT}: not an elliptic curve's key")
    return key
