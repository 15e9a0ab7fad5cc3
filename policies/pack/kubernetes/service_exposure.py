"""Nothing is public but the gateway and the name servers."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items

# Where the two servers stand that the world may reach.
PUBLIC = frozenset({"groundwork-gateway", "groundwork-domains"})
# What a cloud's load balancer sends to by ports of the nodes (decision 17).
BEHIND_NODE_PORTS = ("groundwork-gateway", "gateway")


def _check(resource: Resource) -> Iterator[str]:
    if resource.kind == "Ingress":
        yield "opens a way in beside the gateway"
        return
    kind = resource.at("spec", "type")
    by_node = (resource.namespace, resource.at("metadata", "name")) == BEHIND_NODE_PORTS
    if kind == "ExternalName" or (kind == "NodePort" and not by_node):
        yield f"is a {kind}"
    if kind == "LoadBalancer" and resource.namespace not in PUBLIC:
        yield f"is a LoadBalancer in {resource.namespace}"
    if items(resource.at("spec", "externalIPs")):
        yield "has externalIPs"
    if not by_node and any(at(port, "nodePort") is not None for port in items(resource.at("spec", "ports"))):
        yield "names a nodePort"


RULE = Rule(
    id="k8s-service-exposure",
    title="Nothing is public but the gateway and the name servers",
    severity=Severity.CRITICAL,
    frameworks=("NSA: Network separation", "CIS Kubernetes 5.3.2"),
    remediation="make the Service a ClusterIP and route to it from the gateway",
    types=frozenset({"Service", "Ingress"}),
    check=_check,
)
