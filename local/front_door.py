"""A caller from outside: over TLS, through the gateway on this machine, with a key that lasts for a few questions."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from components.domains.names import AUTHORITY_CERTIFICATE, TRUST
from components.domains.names import NAMESPACE as DOMAINS
from components.platform.specs import GROUP, Scope
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.cluster import Cluster

if TYPE_CHECKING:
    import httpx

GATEWAY = "127.0.0.1"
AUTHORITY_SECONDS = 120.0
KEY_LIFE = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class FrontDoor:
    """Asks tenants' addresses as a caller would, on this machine's own gateway and without any name server.

    `keys`: tenant → API key.
    """

    trust: ssl.SSLContext
    keys: Mapping[str, str] = field(repr=False)

    def post(self, tenant: str, address: str, question: Mapping[str, str]) -> httpx.Response:
        """POST JSON to an address of the tenant's (https). Raises httpx.HTTPError."""
        import httpx

        parts = urlsplit(address)
        host = parts.hostname or ""
        with httpx.Client(verify=self.trust, timeout=15) as client:
            return client.post(
                f"https://{GATEWAY}:{parts.port or 443}{parts.path}",
                headers={"host": host, "x-api-key": self.keys[tenant]},
                json=dict(question),
                extensions={"sni_hostname": host},
            )


@contextmanager
def front_door(cluster: Cluster, tenants: Iterable[str]) -> Iterator[FrontDoor]:
    """A door to some tenants; their keys are deleted when it closes, and end by themselves if that is never done.

    Raises UserError where the environment's authority has shown no certificate after two minutes.
    """
    trust = ssl.create_default_context(cadata=authority(cluster))
    made: dict[str, str] = {}
    ids: list[tuple[str, str]] = []
    try:
        for tenant in dict.fromkeys(tenants):
            name, text = _make_key(cluster, tenant)
            ids.append((tenant, name))
            made[tenant] = text
        yield FrontDoor(trust=trust, keys=made)
    finally:
        for tenant, name in ids:
            cluster.delete(f"apikeys.{GROUP}", name, tenant)


def _make_key(cluster: Cluster, tenant: str) -> tuple[str, str]:
    from components.gateway.keys import Wish, made, manifest

    wish = Wish(scope=Scope(org=tenant), lifetime=KEY_LIFE, note="asks for a first answer")
    key, spec = made(wish, datetime.now(UTC))
    cluster.apply(manifest(key.id, spec))
    return key.id, key.text


def authority(cluster: Cluster) -> str:
    """Whom a client of the environment's own trusts, PEM: the operator's authority, and who is above OpenBao's."""
    found: list[str] = []

    def shown() -> bool:
        found[:] = [_held(cluster, *place) for place in TRUST]
        return bool(found[0])

    if not wait_until(shown, AUTHORITY_SECONDS):
        raise UserError(
            what=f"the environment's authority has shown no certificate in {AUTHORITY_SECONDS:.0f} s",
            where=f"ConfigMap {AUTHORITY_CERTIFICATE} in {DOMAINS}",
            fix=f"kubectl get pods -n {DOMAINS}, with KUBECONFIG=$(groundwork kubeconfig)",
            code=ExitCode.ERROR,
        )
    return "".join(found)


def _held(cluster: Cluster, name: str, key: str) -> str:
    config = cluster.get("configmap", name, DOMAINS)
    data = config.get("data") if config is not None else None
    return str(data.get(key, "")) if isinstance(data, Mapping) else ""
