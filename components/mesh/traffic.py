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
    `retry_percent`: retries at a time, as a share of the requests at a time.
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
    retry_floor: int = 3


DEFAULTS: Mapping[str, Defaults] = MappingProxyType(
    {
        "standard": Defaults(connections=1024, requests=1024),
        # Few and long: a queue in front of a model helps nobody.
        "heavy": Defaults(
            connections=256, requests=256, ejection_interval=timedelta(seconds=10), ejection=timedelta(seconds=30)
        ),
    }
)

# An answer of a model costs money: only what no pod has begun to work on is sent again.
RETRIES: Mapping[str, JsonValue] = MappingProxyType(
    {"attempts": 2, "retryOn": "connect-failure,refused-stream,reset-before-request"}
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
            }
        ],
    }
