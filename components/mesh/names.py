"""Names of the mesh that other parts point to."""

from __future__ import annotations

from dataclasses import dataclass

NAMESPACE = "istio-system"
TRUST_DOMAIN = "cluster.local"
CLUSTER_DOMAIN = "cluster.local"
INJECTION = {"istio-injection": "enabled"}
GATEWAY_NAMESPACE = "groundwork-gateway"
# The provider that an AuthorizationPolicy with action CUSTOM names.
AUTHORIZER_PROVIDER = "groundwork-authorizer"
XDS_PORT = 15012
# A Secret that no stack's state knows: `groundwork mesh root` writes it.
CA_SECRET = "cacerts"  # noqa: S105 – a name


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
