"""Tenants of the tests' own behind the real gateway, and ways to ask it. They have no pods: acme's agent answers."""

from __future__ import annotations

import json
import secrets
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
from pydantic import JsonValue

from components.gateway.filters import tenant_filter
from components.gateway.gateway import PUBLIC
from components.mesh.names import GATEWAY_NAMESPACE
from components.platform.keys import Key
from components.platform.specs import API_VERSION
from groundwork.waiting import wait_until
from tests.cluster.node import kubectl
from tests.load import Plan

DOMAIN = "groundwork.test"
ADDRESS = "127.0.0.1"
# A path of the agent's that costs next to nothing and that the agent itself does not limit.
CHEAP = "/agents/concierge/healthz"
SETTLED = 60.0  # seconds till a new tenant is known to both gateway pods and the authoriser
Object = dict[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody outside. `ca`: whom they trust; `sni`: the name that TLS is asked for, where it is not the host."""

    host: str
    ca: Path
    headers: Mapping[str, str] = field(default_factory=dict)
    sni: str | None = None
    http2: bool = False

    def ask(self, path: str, content: bytes | None = None) -> httpx.Response:
        """One request over TLS on a connection of its own."""
        context = ssl.create_default_context(cafile=str(self.ca))
        with httpx.Client(verify=context, http2=self.http2, timeout=15) as client:
            return client.request(
                "GET" if content is None else "POST",
                f"https://{ADDRESS}{path}",
                headers={"host": self.host, **self.headers},
                content=content,
                extensions={"sni_hostname": self.sni or self.host},
            )


@dataclass(frozen=True, kw_only=True)
class Guest:
    """A tenant of a test's own. `key`: opens all of it; `ca`: who certifies the gateway."""

    name: str
    ca: Path
    key: Key
    requests_per_second: int

    @property
    def host(self) -> str:
        """Where it answers."""
        return f"{self.name}.{DOMAIN}"

    @property
    def headers(self) -> dict[str, str]:
        """What lets a request in."""
        return {"x-api-key": self.key.text}

    @property
    def caller(self) -> Caller:
        """Somebody who has the tenant's key."""
        return Caller(host=self.host, ca=self.ca, headers=self.headers)

    def plan(self, *, rate: float, seconds: float, start: float, path: str = CHEAP) -> Plan:
        """Load for `python -m tests.load`."""
        return Plan(
            url=f"https://{self.host}{path}",
            rate=rate,
            seconds=seconds,
            start=start,
            headers=self.headers,
            connect=(ADDRESS, 443),
            ca=str(self.ca),
        )


def apply(objects: Sequence[Object]) -> None:
    """Create or change objects."""
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


def guest_objects(guest: Guest, target: str = "concierge.acme.svc.cluster.local") -> list[Object]:
    """All that makes a tenant one to the gateway. `target`: the Service that answers for its agents."""
    labels: Object = {"groundwork/tenant": guest.name}

    def made(version: str, kind: str, name: str, spec: JsonValue, namespace: str = guest.name) -> Object:
        meta: Object = {"name": name, "namespace": namespace, "labels": labels}
        return {"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec}

    rate: Object = {"requestsPerSecond": guest.requests_per_second}
    key: Object = {
        "hash": guest.key.hash,
        "scope": {"org": guest.name},
        "createdAt": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    route: Object = {
        "hosts": [guest.host],
        "gateways": [PUBLIC],
        "http": [
            {
                "match": [{"uri": {"prefix": "/agents/concierge/"}}],
                "rewrite": {"uri": "/"},
                "route": [{"destination": {"host": target}}],
                "timeout": "10s",
            }
        ],
    }
    bucket = tenant_filter([guest.host], guest.requests_per_second)
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": guest.name, "labels": labels}},
        made(API_VERSION, "Tenant", guest.name, {"hosts": [guest.host], "rateLimit": rate}),
        made(API_VERSION, "ApiKey", guest.key.id, key),
        made("networking.istio.io/v1", "VirtualService", "gateway", route),
        made("networking.istio.io/v1alpha3", "EnvoyFilter", f"tenant-{guest.name}", bucket, GATEWAY_NAMESPACE),
    ]


@contextmanager
def guests(rates: Mapping[str, int], ca: Path, target: str | None = None) -> Iterator[dict[str, Guest]]:
    """Tenants with these limits (requests a second), known to the whole gateway; gone with all they have afterwards."""
    suffix = secrets.token_hex(2)
    made = {
        name: Guest(name=f"gwt-{name}-{suffix}", ca=ca, key=Key.new(), requests_per_second=rate)
        for name, rate in rates.items()
    }
    try:
        for guest in made.values():
            apply(guest_objects(guest, target) if target else guest_objects(guest))
        for guest in made.values():
            assert wait_until(partial(settled, guest.caller), SETTLED), f"{guest.host} is not served"
        yield made
    finally:
        for guest in made.values():
            kubectl("delete", "envoyfilter", f"tenant-{guest.name}", "-n", GATEWAY_NAMESPACE, "--ignore-not-found")
            kubectl("delete", "namespace", guest.name, "--ignore-not-found", "--wait=false")


def settled(caller: Caller) -> bool:
    """Whether ten requests in a row, each on a connection of its own, are let through: no pod has yet to hear of it."""
    try:
        return all(caller.ask(CHEAP).status_code == 200 for _ in range(10))
    except httpx.HTTPError:
        return False
