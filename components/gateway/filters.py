"""The gateway's Envoy configuration as Istio's EnvoyFilter objects.  (docs/gateway.md)"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from components.gateway import edge
from components.gateway.edge import Config, Limits

# What the gateway's pods listen on, so that they need no right to low ports; the Service has 80 and 443.
HTTP, HTTPS = 8080, 8443
# The labels that the gateway's chart gives its pods.
WORKLOAD = {"istio": "gateway"}
READ_BUFFER = 32_768


def gateway_filter(limits: Limits) -> Config:
    """The spec of the one EnvoyFilter that makes the gateway what it is, for every tenant alike."""
    manager = edge.connection_manager(limits)
    filters = edge.http_filters(limits)
    patches: list[JsonValue] = [
        _patch("NETWORK_FILTER", {"filterChain": {"filter": {"name": edge.CONNECTION_MANAGER}}}, "MERGE", manager),
        *(_before_router(one) for one in filters),
    ]
    for port in (HTTP, HTTPS):
        buffer: Config = {"per_connection_buffer_limit_bytes": READ_BUFFER}
        patches.append(_patch("LISTENER", {"portNumber": port}, "MERGE", buffer))
    # A client that never ends its TLS handshake.
    patience: Config = {"transport_socket_connect_timeout": f"{limits.header_seconds}s"}
    patches.append(_patch("FILTER_CHAIN", {"portNumber": HTTPS}, "MERGE", patience))
    return {"workloadSelector": {"labels": dict(WORKLOAD)}, "configPatches": patches}


def tenant_filter(hosts: Sequence[str], gateway: str, requests_per_second: int | None) -> Config:
    """The spec of a tenant's own EnvoyFilter: its virtual hosts get their bucket, no other is named.

    `gateway`: the Gateway of the tenant's own names, all of which get one each, whenever they come. Without a limit
    none gets any.
    """
    bucket = edge.no_bucket() if requests_per_second is None else edge.tenant_bucket(requests_per_second)
    value: Config = {"typed_per_filter_config": {edge.LOCAL_LIMIT: bucket}}
    names: list[Config] = [{"vhost": {"name": f"{host}:443"}} for host in hosts]
    names.append({"gateway": gateway})
    patches: list[JsonValue] = [
        {
            "applyTo": "VIRTUAL_HOST",
            "match": {"context": "GATEWAY", "routeConfiguration": name},
            "patch": {"operation": "MERGE", "value": value},
        }
        for name in names
    ]
    return {"workloadSelector": {"labels": dict(WORKLOAD)}, "configPatches": patches}


def _before_router(filter_: Config) -> JsonValue:
    manager: Config = {"name": edge.CONNECTION_MANAGER, "subFilter": {"name": edge.ROUTER}}
    match: Config = {"portNumber": HTTPS, "filterChain": {"filter": manager}}
    return _patch("HTTP_FILTER", match, "INSERT_BEFORE", filter_)


def _patch(apply_to: str, listener: Config, operation: str, value: Config) -> JsonValue:
    return {
        "applyTo": apply_to,
        "match": {"context": "GATEWAY", "listener": listener},
        "patch": {"operation": operation, "value": value},
    }
