"""Who may talk to whom in the gateway's namespace, by address: one NetworkPolicy for all pods, and one a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, LabelSelectorRequirementArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)

from components.labels import TENANT
from components.mesh import mesh_egress

NAME = "kubernetes.io/metadata.name"
Labels = Mapping[str, str]


def mesh_members() -> NetworkPolicySpecArgs:
    """Every pod here: closed, but for names (DNS) and the mesh's control plane."""
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(),
        policy_types=["Ingress", "Egress"],
        egress=mesh_egress(),
    )


def server(
    selector: Labels, *, callers: Labels | None, ports: Sequence[int], reaches: Sequence[tuple[Labels, int]] = ()
) -> NetworkPolicySpecArgs:
    """In: from this namespace's `callers` (None: from anywhere), on `ports`. Out: to pods of it, each on a port."""
    sources = None if callers is None else [_pods(callers)]
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=dict(selector)),
        policy_types=["Ingress", "Egress"],
        ingress=[NetworkPolicyIngressRuleArgs(from_=sources, ports=[tcp(port) for port in ports])],
        egress=[NetworkPolicyEgressRuleArgs(to=[_pods(labels)], ports=[tcp(port)]) for labels, port in reaches],
    )


def outwards(selector: Labels, *, agents: int, challenges: tuple[str, int]) -> NetworkPolicySpecArgs:
    """Out: to the pods of all tenants on the `agents` port, and to the namespace that proves domains on its own.

    Policies add up: what else is reached stands in another.
    """
    tenant = LabelSelectorRequirementArgs(key=TENANT, operator="Exists")
    peer = NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_expressions=[tenant]))
    namespace, port = challenges
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=dict(selector)),
        # Both, though nothing comes in by this one: a policy that spoke of one way alone would open the other, were the
        # others gone.
        policy_types=["Ingress", "Egress"],
        egress=[
            NetworkPolicyEgressRuleArgs(to=[peer], ports=[tcp(agents)]),
            NetworkPolicyEgressRuleArgs(to=[_namespace(namespace)], ports=[tcp(port)]),
        ],
    )


def tcp(port: int) -> NetworkPolicyPortArgs:
    """A TCP port."""
    return NetworkPolicyPortArgs(protocol="TCP", port=port)


def _namespace(name: str) -> NetworkPolicyPeerArgs:
    return NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels={NAME: name}))


def _pods(labels: Labels) -> NetworkPolicyPeerArgs:
    return NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels=dict(labels)))
