"""Tenants, keys and questions for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from authorizer.asked import Seen
from components.platform.keys import Key
from components.platform.specs import API_VERSION, ApiKey, Domain, Tenant

HOST = "acme.groundwork.test"
PATH = "/agents/concierge/v1/invoke"
ISSUER = "https://id.example.com"
CREATED = "2026-01-01T00:00:00Z"
Object = dict[str, Any]


def made(kind: str, namespace: str, name: str, spec: Object, status: Object | None = None) -> Object:
    body: Object = {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"namespace": namespace, "name": name, "resourceVersion": "1", "creationTimestamp": CREATED},
        "spec": spec,
    }
    return body | ({"status": status} if status else {})


def tenant_object(name: str = "acme", **spec: object) -> Object:
    return made("Tenant", name, name, {"hosts": [f"{name}.groundwork.test"], **spec})


def key_object(key: Key, org: str = "acme", scope: Object | None = None, **spec: object) -> Object:
    where = {"org": org} | (scope or {})
    return made("ApiKey", org, key.id, {"hash": key.hash, "scope": where, "createdAt": CREATED, **spec})


def domain_object(host: str, tenant: str = "acme", state: str = "Issued") -> Object:
    return made("Domain", tenant, host.replace(".", "-"), {"host": host}, {"state": state})


def tenant(name: str = "acme", **spec: object) -> Tenant:
    return Tenant.model_validate(tenant_object(name, **spec))


def api_key(key: Key, org: str = "acme", **spec: object) -> ApiKey:
    return ApiKey.model_validate(key_object(key, org, None, **spec))


def domain(host: str, tenant: str = "acme", state: str = "Issued") -> Domain:
    return Domain.model_validate(domain_object(host, tenant, state))


def seen(*, host: str = HOST, sni: str | None = None, path: str = PATH, **headers: str) -> Seen:
    """A request. Names of headers with dashes for underscores."""
    return Seen(
        host=host,
        sni=host if sni is None else sni,
        path=path,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        method="POST",
        request_id="request-1",
        source="192.0.2.1",
    )


def now() -> datetime:
    return datetime.now(UTC)
