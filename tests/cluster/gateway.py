"""Tenants of the tests' own behind the real gateway, and ways to ask it. They have no pods: acme's agent answers."""

from __future__ import annotations

import json
import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
from pydantic import JsonValue

from components.gateway.filters import tenant_filter
from components.gateway.gateway import PUBLIC
from components.gateway.route import CUSTOM
from components.mesh.names import GATEWAY_NAMESPACE, INJECTION
from components.platform.keys import Key
from components.platform.specs import API_VERSION
from groundwork.waiting import wait_until
from tests.cluster.node import kubectl
from tests.cluster.probes import await_account
from tests.load import Plan

DOMAIN = "groundwork.test"
ADDRESS = "127.0.0.1"
# A path of the agent's that costs next to nothing and that the agent itself does not limit.
CHEAP = "/agents/concierge/healthz"
SETTLED = 60.0  # seconds till a new tenant is known to both gateway pods and the authoriser
CONCIERGE, OWN_ECHO = "concierge.acme.svc.cluster.local", "echo.{namespace}.svc.cluster.local"
Object = dict[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody outside. `ca`: whom they trust; `sni`: the name that TLS is asked for, where it is not the host."""

    host: str
    ca: Path
    headers: Mapping[str, str] = field(default_factory=dict)
    sni: str | None = None

    def ask(self, path: str, content: bytes | None = None) -> httpx.Response:
        """One request over TLS on a connection of its own."""
        context = ssl.create_default_context(cafile=str(self.ca))
        with httpx.Client(verify=context, timeout=15) as client:
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

    def plan(self, *, rate: float, seconds: float, warm: float, start: float) -> Plan:
        """Load for `tests.load`: `seconds` after `warm` seconds in which connections are made."""
        return Plan(
            url=f"https://{self.host}{CHEAP}",
            rate=rate,
            seconds=warm + seconds,
            warm=warm,
            start=start,
            headers=self.headers,
            connect=(ADDRESS, 443),
            ca=str(self.ca),
        )


def apply(objects: Sequence[Object]) -> None:
    """Create or change objects."""
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))


def guest_objects(guest: Guest, target: str) -> list[Object]:
    """All that makes a tenant one to the gateway. `target`: the Service that answers for its agents."""
    labels: Object = {"groundwork/tenant": guest.name, **INJECTION}

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
    bucket = tenant_filter([guest.host], CUSTOM.format(tenant=guest.name), guest.requests_per_second)
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": guest.name, "labels": labels}},
        made(API_VERSION, "Tenant", guest.name, {"hosts": [guest.host], "rateLimit": rate}),
        made(API_VERSION, "ApiKey", guest.key.id, key),
        made("networking.istio.io/v1", "VirtualService", "gateway", route),
        made("networking.istio.io/v1alpha3", "EnvoyFilter", f"tenant-{guest.name}", bucket, GATEWAY_NAMESPACE),
    ]


def agent_image() -> str:
    """What acme's agent runs: it has Python."""
    path = "jsonpath={.spec.template.spec.containers[0].image}"
    return kubectl("get", "deployment", "concierge", "-n", "acme", "-o", path).stdout


# Answers with the headers that it was sent.
ECHO = """
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
ThreadingHTTPServer(("", 8080), Echo).serve_forever()
"""


def echo_objects(namespace: str, image: str) -> list[Object]:
    """A server in the mesh that shows what an agent is sent, and the policy that lets the gateway in."""
    labels: Object = {"app": "echo"}
    container: Object = {
        "name": "echo",
        "image": image,
        "command": ["python3", "-c", ECHO],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"cpu": "500m", "memory": "64Mi"}},
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod: Object = {
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    door: Object = {
        "action": "ALLOW",
        "rules": [{"from": [{"source": {"namespaces": [GATEWAY_NAMESPACE]}}]}],
    }
    kinds: list[tuple[str, str, Object]] = [
        ("security.istio.io/v1", "AuthorizationPolicy", door),
        ("v1", "Service", {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}),
        ("v1", "Pod", pod),
    ]
    meta: Object = {"name": "echo", "namespace": namespace, "labels": labels}
    return [{"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec} for version, kind, spec in kinds]


def own_echo(namespace: str) -> list[Object]:
    """What answers for a tenant by itself, where nothing else is said."""
    return echo_objects(namespace, agent_image())


@contextmanager
def guests(
    rates: Mapping[str, int], ca: Path, target: str = CONCIERGE, own: Callable[[str], list[Object]] = own_echo
) -> Iterator[dict[str, Guest]]:
    """Tenants with these limits (requests a second), known to the whole gateway; gone with all they have afterwards.

    `target`: the Service that answers for them; with `{namespace}` in it, it is the tenant's own, which `own` makes.
    """
    suffix = secrets.token_hex(2)
    made = {
        name: Guest(name=f"gwt-{name}-{suffix}", ca=ca, key=Key.new(), requests_per_second=rate)
        for name, rate in rates.items()
    }
    try:
        for guest in made.values():
            apply(guest_objects(guest, target.format(namespace=guest.name)))
            if "{namespace}" in target:
                await_account(guest.name)
                apply(own(guest.name))
                kubectl("wait", "-n", guest.name, "--for=condition=Ready", "--timeout=120s", "pod", "-l", "app=echo")
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
