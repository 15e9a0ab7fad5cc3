"""How requests to a service of a tier are held in bounds: timeout, retries, connections, ejection, locality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from pydantic import JsonValue

from components.agents.manifest import TIERS, AgentManifest
from components.mesh.names import service_host


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What holds for every service of a tier.

    `connections`: TCP connections to the service from one proxy; `requests`: at a time on them, more are refused at
    once with 503; `ejection_errors`: 5xx answers in a row after which a pod gets no requests for `ejection`;
    `retry_percent`: retries at a time, as a share of the requests at a time; `retry_floor`: so many in any case, as
    many as a pod takes at a time. What chose a pod that is gone is all sent again, and none of it was begun: at 3,
    which is Envoy's own, some of it was refused.
    """

    connections: int
    requests: int
    connect: timedelta = timedelta(seconds=2)
    idle: timedelta = timedelta(minutes=5)
    ejection_errors: int = 5
    ejection_interval: timedelta = timedelta(seconds=5)
    ejection: timedelta = timedelta(seconds=15)
    ejection_percent: int = 50
    retry_percent: int = 20
    retry_floor: int = 32


DEFAULTS: Mapping[str, Defaults] = MappingProxyType(
    {
        "standard": Defaults(connections=1024, requests=1024),
        # Few and long: a queue in front of a model helps nobody.
        "heavy": Defaults(
            connections=256, requests=256, ejection_interval=timedelta(seconds=10), ejection=timedelta(seconds=30)
        ),
    }
)

# What a sidecar adds to its own answer where it did not get to the program that it stands before.
UNREACHED = "x-groundwork-unreached"
# An answer of a model costs money: only what no pod has begun to work on is sent again. To another pod, also where a
# caller's address chooses the pod: Istio would ask the same again.
RETRIES: Mapping[str, JsonValue] = MappingProxyType(
    {
        "attempts": 2,
        "retryOn": "connect-failure,refused-stream,reset-before-request,retriable-headers",
        "retryIgnorePreviousHosts": True,
    }
)
# Envoy is told with each request which header of an answer lets it be sent again; callers hear nothing of it.
RETRY_HEADERS: Mapping[str, JsonValue] = MappingProxyType(
    {"request": {"set": {"x-envoy-retriable-header-names": UNREACHED}}, "response": {"remove": [UNREACHED]}}
)
# What an answer may take beyond the model's and tools' own time, in the tier's promised latency.
_SLACK = 5


def seconds(value: timedelta) -> str:
    """As Istio writes durations."""
    return f"{value.total_seconds():g}s"


def timeout(manifest: AgentManifest) -> timedelta:
    """How long a caller waits for an answer: the model, the slowest tool, and five times what the tier promises."""
    spec = manifest.spec
    tools = max((tool.timeout for tool in spec.tools), default=timedelta(0))
    return spec.model.timeout + tools + _SLACK * TIERS[spec.tier].latency


def destination(manifest: AgentManifest, namespace: str, service: str) -> dict[str, JsonValue]:
    """The spec of the DestinationRule of one of the agent's Services."""
    held = DEFAULTS[manifest.spec.tier]
    return {
        "host": service_host(service, namespace),
        "trafficPolicy": {
            "connectionPool": {
                "tcp": {"maxConnections": held.connections, "connectTimeout": seconds(held.connect)},
                "http": {
                    "http1MaxPendingRequests": held.requests,
                    "http2MaxRequests": held.requests,
                    "idleTimeout": seconds(held.idle),
                },
            },
            "outlierDetection": {
                "consecutive5xxErrors": held.ejection_errors,
                "interval": seconds(held.ejection_interval),
                "baseEjectionTime": seconds(held.ejection),
                "maxEjectionPercent": held.ejection_percent,
            },
            "retryBudget": {"percent": held.retry_percent, "minRetryConcurrency": held.retry_floor},
            # A pod of the caller's own zone first, another's when it is ejected.
            "loadBalancer": _balance(manifest) | {"localityLbSetting": {"enabled": True}},
        },
    }


def _balance(manifest: AgentManifest) -> dict[str, JsonValue]:
    """A conversation is known to the replica that began it, as long as replicas do not share sessions."""
    if manifest.spec.memory.sessions.store == "local":
        return {"consistentHash": {"useSourceIp": True}}
    return {"simple": "LEAST_REQUEST"}


def route(manifest: AgentManifest, namespace: str, service: str) -> dict[str, JsonValue]:
    """The spec of the VirtualService for callers inside the mesh."""
    host = service_host(service, namespace)
    return {
        "hosts": [host],
        "gateways": ["mesh"],
        "exportTo": ["."],
        "http": [
            {
                "route": [{"destination": {"host": host}}],
                "timeout": seconds(timeout(manifest)),
                "retries": dict(RETRIES),
                "headers": dict(RETRY_HEADERS),
            }
        ],
    }


def unreached_filter() -> dict[str, JsonValue]:
    """The spec of the EnvoyFilter by which every sidecar says that its program was not there to take a request.

    It says 503 then, as programs do themselves: without this, who calls cannot know whether anything was begun.
    """
    manager = "envoy.filters.network.http_connection_manager"
    kind = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    mapper: JsonValue = {
        "filter": {"response_flag_filter": {"flags": ["UF"]}},
        "headers_to_add": [
            {"header": {"key": UNREACHED, "value": "true"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
    }
    typed: JsonValue = {"@type": f"type.googleapis.com/{kind}", "local_reply_config": {"mappers": [mapper]}}
    return {
        "configPatches": [
            {
                "applyTo": "NETWORK_FILTER",
                "match": {"context": "SIDECAR_INBOUND", "listener": {"filterChain": {"filter": {"name": manager}}}},
                "patch": {"operation": "MERGE", "value": {"name": manager, "typed_config": typed}},
            }
        ]
    }
