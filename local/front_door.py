"""A caller from outside: over TLS, through the gateway on this machine, with a key that lasts for a few questions."""

from __future__ import annotations

import ssl
import time
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
UNKNOWN_KEY = 401
KEY_LIFE = timedelta(minutes=15)
# Till every pod of the authorizer has heard of a new key: moments, or its next watch on a machine that is busy.
KEY_HEARD_SECONDS = 60.0
# Questions in a row, each on a connection of its own, that meet every pod of the authorizer.
IN_A_ROW = 10


@dataclass(frozen=True, kw_only=True)
class FrontDoor:
    """Asks tenants' addresses as a caller would, on this machine's own gateway and without any name server.

    `keys`: tenant → API key. `opened`: when they were made (`time.monotonic`).
    """

    trust: ssl.SSLContext
    keys: Mapping[str, str] = field(repr=False)
    opened: float = field(default_factory=time.monotonic)

    def post(self, tenant: str, address: str, question: Mapping[str, str]) -> httpx.Response:
        """POST JSON to an address of the tenant's (https). Raises httpx.HTTPError.

        Asks again while the gateway has yet to hear of the key, for a minute after it was made.
        """
        answers: list[httpx.Response] = []

        def known() -> bool:
            answers.append(_ask(self.trust, address, self.keys[tenant], question))
            return answers[-1].status_code != UNKNOWN_KEY

        wait_until(known, max(0.0, self.opened + KEY_HEARD_SECONDS - time.monotonic()))
        return answers[-1]


def is_known(authority: str, address: str, key: str) -> bool:
    """Whether the gateway lets an agent's key in ten times in a row: no pod of the authorizer has yet to hear of it.

    `authority`: whom to trust, PEM. `address`: the agent's, https.
    """
    import httpx

    trust = ssl.create_default_context(cadata=authority)
    try:
        return all(_ask(trust, f"{address}/healthz", key).status_code != UNKNOWN_KEY for _ in range(IN_A_ROW))
    except httpx.HTTPError:
        return False


def _ask(trust: ssl.SSLContext, address: str, key: str, question: Mapping[str, str] | None = None) -> httpx.Response:
    """One request on a connection of its own: a GET, or a POST where there is a question. Raises httpx.HTTPError."""
    import httpx

    parts = urlsplit(address)
    host = parts.hostname or ""
    with httpx.Client(verify=trust, timeout=15) as client:
        return client.request(
            "GET" if question is None else "POST",
            f"https://{GATEWAY}:{parts.port or 443}{parts.path}",
            headers={"host": host, "x-api-key": key},
            json=None if question is None else dict(question),
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
            name, text = make_key(cluster, Scope(org=tenant), KEY_LIFE, "asks for a first answer")
            ids.append((tenant, name))
            made[tenant] = text
        yield FrontDoor(trust=trust, keys=made)
    finally:
        for tenant, name in ids:
            cluster.delete(f"apikeys.{GROUP}", name, tenant)


def make_key(cluster: Cluster, scope: Scope, life: timedelta, note: str) -> tuple[str, str]:
    """Make an API key: its id, and the key itself. The gateway hears of it a moment later. Raises UserError."""
    from components.gateway.keys import Wish, made, manifest

    wish = Wish(scope=scope, lifetime=life, note=note)
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
