"""Who may talk to an agent, and whom it may talk to."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence

from pulumi_kubernetes.meta.v1 import LabelSelectorArgs
from pulumi_kubernetes.networking.v1 import (
    IPBlockArgs,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from components.data.place import database_egress
from components.labels import ROLE
from components.mesh.egress import mesh_egress
from components.mesh.names import SIDECAR_METRICS_PORT
from components.network_policies import anywhere
from components.units import HostPort

NAMESPACE = "kubernetes.io/metadata.name"


def agent_policy(
    selector: Mapping[str, str],
    ports: Mapping[str, int],
    egress: Sequence[HostPort],
    cluster_networks: Sequence[str],
    databases: Sequence[str] = (),
) -> NetworkPolicySpecArgs:
    """In: requests from the tenant's own pods and the gateway, scrapes from observability. Out: istiod, DNS, `egress`,
    and databases in the networks `databases`.

    A policy knows addresses, not names: what is declared by name is held to its port, and to outside the cluster.
    The node that a pod runs on always reaches it (probes, a NodePort on the same node).
    """
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=dict(selector)),
        policy_types=["Ingress", "Egress"],
        ingress=[
            NetworkPolicyIngressRuleArgs(
                from_=[NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs()), _namespaces({ROLE: "gateway"})],
                ports=[_tcp(ports["http"])],
            ),
            NetworkPolicyIngressRuleArgs(
                from_=[_namespaces({ROLE: "observability"})],
                ports=[_tcp(ports["metrics"]), _tcp(SIDECAR_METRICS_PORT)],
            ),
        ],
        egress=[
            *mesh_egress(),
            *(_outwards(address, cluster_networks) for address in egress),
            *database_egress(databases),
        ],
    )


def _outwards(address: HostPort, cluster_networks: Sequence[str]) -> NetworkPolicyEgressRuleArgs:
    labels = address.host.split(".")
    if labels[2:] in (["svc"], ["svc", "cluster", "local"]):
        # The port is the Service's; the pods behind it may listen on another.
        return NetworkPolicyEgressRuleArgs(to=[_namespaces({NAMESPACE: labels[1]})])
    try:
        block = IPBlockArgs(cidr=f"{ipaddress.IPv4Address(address.host)}/32")
        peer = NetworkPolicyPeerArgs(ip_block=block)
    except ValueError:
        peer = anywhere(but=cluster_networks)
    return NetworkPolicyEgressRuleArgs(to=[peer], ports=[_tcp(address.port)])


def _namespaces(labels: Mapping[str, str]) -> NetworkPolicyPeerArgs:
    return NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels=dict(labels)))


def _tcp(port: int) -> NetworkPolicyPortArgs:
    return NetworkPolicyPortArgs(protocol="TCP", port=port)
