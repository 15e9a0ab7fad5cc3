"""Names of the mesh that other parts point to."""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "istio-system"
TRUST_DOMAIN = "cluster.local"
CLUSTER_DOMAIN = "cluster.local"
INJECTION = {"istio-injection": "enabled"}
GATEWAY_NAMESPACE = "groundwork-gateway"
OBSERVABILITY_NAMESPACE = "groundwork-observability"
# The provider that a Telemetry object names, and where its spans go. Every pod of the mesh may reach it.
TRACING_PROVIDER = "groundwork-collector"
COLLECTOR, COLLECTOR_PORTS = "collector", (4317, 4318)
# The provider that an AuthorizationPolicy with action CUSTOM names.
AUTHORIZER_PROVIDER = "groundwork-authorizer"
XDS_PORT = 15012
# Envoy's own numbers, which istio-proxy serves past the mesh's certificates: addresses alone say who reads them.
SIDECAR_METRICS_PORT = 15090
# A Secret that no stack's state knows: `groundwork mesh root` writes it.
CA_SECRET = "cacerts"  # noqa: S105 – a name
# A sidecar's container, and what it is asked for the certificates that it holds. Envoy leaves private keys out.
PROXY = "istio-proxy"
SECRETS_QUESTION = ("pilot-agent", "request", "GET", "config_dump?resource=dynamic_active_secrets")


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """What a sidecar takes of a pod's quota. `cpu`: thousandths of a core; `memory`: bytes."""

    cpu: int
    memory: int


SIDECAR_REQUESTS = Amounts(cpu=10, memory=96 * 2**20)
SIDECAR = Amounts(cpu=500, memory=192 * 2**20)


def service_host(name: str, namespace: str) -> str:
    """A Service's whole name."""
    return f"{name}.{namespace}.svc.{CLUSTER_DOMAIN}"
