"""How custom hosts stand at the gateway: one Istio Gateway a tenant, one server in it a host."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from components.platform.specs import Domain
from domains_operator.cluster import LABELS, GatewayHost
from domains_operator.settings import Settings

_LONGEST = 200


def secret_name(host: str) -> str:
    """The Secret of a custom host's certificate."""
    return f"domain-{host}" if len(host) <= _LONGEST else f"domain-{hashlib.sha256(host.encode()).hexdigest()}"


def wildcard_secret(zone: str, settings: Settings) -> str:
    """The Secret of a zone's wildcard certificate; the environment's own is just `wildcard`."""
    return "wildcard" if zone == settings.domain else f"wildcard-{zone}"


def gateway_name(tenant: str) -> str:
    """The Istio Gateway of a tenant's custom hosts."""
    return f"domains-{tenant}"


def wanted(domains: Iterable[Domain]) -> dict[str, frozenset[GatewayHost]]:
    """The hosts that each tenant's Gateway should have, by tenant: those with a certificate."""
    hosts: defaultdict[str, set[GatewayHost]] = defaultdict(set)
    for domain in domains:
        if domain.status.state == "Issued" and domain.status.certificate is not None:
            hosts[domain.metadata.namespace].add(GatewayHost(domain.spec.host, domain.status.certificate.secret))
    return {tenant: frozenset(rows) for tenant, rows in hosts.items()}


def manifest(tenant: str, hosts: Iterable[GatewayHost], settings: Settings) -> Mapping[str, JsonValue]:
    """The Istio Gateway. Only routes of the tenant's own namespace can be bound to its hosts."""
    servers: list[JsonValue] = [
        {
            "hosts": [f"{tenant}/{each.host}"],
            "port": {
                "name": f"https-{hashlib.sha256(each.host.encode()).hexdigest()[:10]}",
                "number": settings.gateway_port,
                "protocol": "HTTPS",
            },
            "tls": {
                "mode": "SIMPLE",
                "credentialName": each.secret,
                "minProtocolVersion": "TLSV1_2",
                "cipherSuites": [*settings.cipher_suites],
            },
        }
        for each in sorted(hosts, key=lambda each: each.host)
    ]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": {
            "name": gateway_name(tenant),
            "namespace": settings.gateway_namespace,
            "labels": {**LABELS, "groundwork/tenant": tenant},
        },
        "spec": {"selector": dict(settings.gateway_selector), "servers": servers},
    }
