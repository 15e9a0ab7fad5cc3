"""What the domains operator may do in the cluster, and whom its pods may talk to."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)
from pulumi_kubernetes.rbac.v1 import (
    ClusterRole,
    ClusterRoleBinding,
    PolicyRuleArgs,
    Role,
    RoleBinding,
    RoleRefArgs,
    SubjectArgs,
)

from components.domains.names import AUTHORITY_CERTIFICATE, NAME, NAMESPACE, OPENBAO_CONFIG, SELECTOR
from components.labels import ROLE
from components.mesh import mesh_egress
from components.mesh.names import GATEWAY_NAMESPACE
from components.network_policies import anywhere
from components.platform.specs import GROUP, Domain
from components.secrets.names import API_PORT as OPENBAO_PORT
from components.secrets.names import NAMESPACE as SECRETS

DNS_PORT, HTTP_PORT, METRICS_PORT = 5353, 8080, 9090
# The names that the operator gives its own objects (images/domains).
_SECRETS = ["authority", "acme-account", "proof-key"]
_CONFIGS = [AUTHORITY_CERTIFICATE, "challenges", "given", "wildcards"]
_LEASES = ["domains-operator"]


def rights(account: ServiceAccount, labels: dict[str, str], opts: pulumi.ResourceOptions) -> list[pulumi.Resource]:
    """Reads Domains of all namespaces and writes their status; its own keys; certificates and hosts of the gateway.

    A right to make an object cannot be held to a name. In the gateway's namespace the names of Secrets are those of
    hosts; Secrets there cannot be listed.
    """
    everywhere = [
        _rule(GROUP, [Domain.plural], ["get", "list", "watch"]),
        _rule(GROUP, [f"{Domain.plural}/status"], ["update"]),
        _rule("", ["events"], ["create"]),
    ]
    own = [
        _rule("", ["secrets", "configmaps"], ["create"]),
        _rule("", ["secrets"], ["get"], _SECRETS),
        _rule("", ["configmaps"], ["get", "patch"], _CONFIGS),
        _rule("", ["configmaps"], ["get"], [OPENBAO_CONFIG]),
        _rule("", ["configmaps"], ["list", "watch"], ["challenges"]),
        _rule("coordination.k8s.io", ["leases"], ["create"]),
        _rule("coordination.k8s.io", ["leases"], ["get", "update"], _LEASES),
    ]
    gateways = [
        _rule("", ["secrets"], ["create", "get", "update", "delete"]),
        _rule("networking.istio.io", ["gateways"], ["create", "delete", "get", "list", "patch"]),
    ]
    subject = SubjectArgs(kind="ServiceAccount", name=account.metadata.name, namespace=NAMESPACE)
    full = f"groundwork-{NAME}"
    cluster = ClusterRole(full, metadata=ObjectMetaArgs(name=full, labels=labels), rules=everywhere, opts=opts)
    found: list[pulumi.Resource] = [
        cluster,
        ClusterRoleBinding(
            full,
            metadata=ObjectMetaArgs(name=full, labels=labels),
            role_ref=_reference("ClusterRole", full),
            subjects=[subject],
            opts=opts,
        ),
    ]
    for namespace, rules in ((NAMESPACE, own), (GATEWAY_NAMESPACE, gateways)):
        meta = ObjectMetaArgs(name=NAME, namespace=namespace, labels=labels)
        found.append(Role(f"{NAME}-{namespace}", metadata=meta, rules=rules, opts=opts))
        found.append(
            RoleBinding(
                f"{NAME}-{namespace}",
                metadata=meta,
                role_ref=_reference("Role", NAME),
                subjects=[subject],
                opts=opts,
            )
        )
    return found


def network(acme_ports: Sequence[int]) -> NetworkPolicySpecArgs:
    """In: questions from everywhere, challenges from the gateway. Out: OpenBao, DNS, the API server and the authority.

    The last three may be anywhere: a policy knows addresses, not names.
    """
    own = NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels=SELECTOR))
    dns = [_port(protocol, DNS_PORT) for protocol in ("UDP", "TCP")]
    outside = sorted({443, 6443, *acme_ports})
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=SELECTOR),
        policy_types=["Ingress", "Egress"],
        ingress=[
            NetworkPolicyIngressRuleArgs(ports=dns),
            NetworkPolicyIngressRuleArgs(
                from_=[_namespace({"kubernetes.io/metadata.name": GATEWAY_NAMESPACE})], ports=[_port("TCP", HTTP_PORT)]
            ),
            NetworkPolicyIngressRuleArgs(
                from_=[_namespace({ROLE: "observability"})], ports=[_port("TCP", METRICS_PORT)]
            ),
        ],
        egress=[
            *mesh_egress(),
            NetworkPolicyEgressRuleArgs(to=[own], ports=dns),
            NetworkPolicyEgressRuleArgs(
                to=[_namespace({"kubernetes.io/metadata.name": SECRETS})], ports=[_port("TCP", OPENBAO_PORT)]
            ),
            NetworkPolicyEgressRuleArgs(
                to=[anywhere()], ports=[_port("UDP", 53), _port("TCP", 53), *(_port("TCP", port) for port in outside)]
            ),
        ],
    )


def _rule(group: str, resources: list[str], verbs: list[str], names: list[str] | None = None) -> PolicyRuleArgs:
    return PolicyRuleArgs(api_groups=[group], resources=resources, verbs=verbs, resource_names=names)


def _reference(kind: str, name: str) -> RoleRefArgs:
    return RoleRefArgs(api_group="rbac.authorization.k8s.io", kind=kind, name=name)


def _namespace(labels: dict[str, str]) -> NetworkPolicyPeerArgs:
    return NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels=labels))


def _port(protocol: str, port: int) -> NetworkPolicyPortArgs:
    return NetworkPolicyPortArgs(protocol=protocol, port=port)
