"""Who may talk to whom in the namespace of secrets: closed, but for what each server is there for."""

from __future__ import annotations

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

from components.data.names import NAMESPACE as DATA_NAMESPACE
from components.data.names import POSTGRES_PORT
from components.data.place import database_egress
from components.domains.names import NAMESPACE as DOMAINS_NAMESPACE
from components.domains.names import SELECTOR as DOMAINS_SELECTOR
from components.labels import ROLE
from components.network_policies import POD_IDENTITY_AGENT, POD_IDENTITY_PORT, anywhere, closed
from components.secrets.names import API_PORT, CLUSTER_PORT, METRICS_PORT

_NAME = "kubernetes.io/metadata.name"
_API_SERVER = (443, 6443)


def policies(
    openbao: Mapping[str, str], *, identity: bool = False, databases: Sequence[str] = ()
) -> dict[str, NetworkPolicySpecArgs]:
    """By name: one that closes the namespace, and one for OpenBao.

    Its callers are in this namespace, but for the domains' operator, which has the gateway's certificates signed.
    `identity`: it asks EKS's agent on its node for credentials; KMS itself answers on a port that is open anyhow.
    `databases`: networks outside the cluster that it makes users in.
    """
    peers = NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels=dict(openbao)))
    scrapers = NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels={ROLE: "observability"}))
    domains = NetworkPolicyPeerArgs(
        namespace_selector=LabelSelectorArgs(match_labels={_NAME: DOMAINS_NAMESPACE}),
        pod_selector=LabelSelectorArgs(match_labels=DOMAINS_SELECTOR),
    )
    database = NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels={_NAME: DATA_NAMESPACE}))
    return {
        "closed": closed(),
        "openbao": NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(match_labels=dict(openbao)),
            policy_types=["Ingress", "Egress"],
            ingress=[
                NetworkPolicyIngressRuleArgs(
                    from_=[NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs()), domains], ports=[tcp(API_PORT)]
                ),
                NetworkPolicyIngressRuleArgs(from_=[peers], ports=[tcp(CLUSTER_PORT)]),
                NetworkPolicyIngressRuleArgs(from_=[scrapers], ports=[tcp(METRICS_PORT)]),
            ],
            egress=[
                *names_and_api_server(),
                NetworkPolicyEgressRuleArgs(to=[peers], ports=[tcp(API_PORT), tcp(CLUSTER_PORT)]),
                NetworkPolicyEgressRuleArgs(to=[database], ports=[tcp(POSTGRES_PORT)]),
                *([_credentials()] if identity else []),
                *database_egress(databases),
            ],
        ),
    }


def caller(
    selector: Mapping[str, str],
    openbao: Mapping[str, str],
    metrics: int,
    *,
    api_server: bool,
    more: Sequence[NetworkPolicyEgressRuleArgs] = (),
) -> NetworkPolicySpecArgs:
    """Of a server that asks OpenBao, the API server where it must, and `more`; only its metrics are asked for."""
    bao = NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels=dict(openbao)))
    scrapers = NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels={ROLE: "observability"}))
    own = names_and_api_server() if api_server else _names()
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=dict(selector)),
        policy_types=["Ingress", "Egress"],
        ingress=[NetworkPolicyIngressRuleArgs(from_=[scrapers], ports=[tcp(metrics)])],
        egress=[*own, NetworkPolicyEgressRuleArgs(to=[bao], ports=[tcp(API_PORT)]), *more],
    )


def aws_by_identity() -> list[NetworkPolicyEgressRuleArgs]:
    """EKS's agent on the node, which hands out a pod's rights; AWS's services, at whatever address, by TLS alone."""
    return [_credentials(), NetworkPolicyEgressRuleArgs(to=[anywhere()], ports=[tcp(443)])]


def names_and_api_server() -> list[NetworkPolicyEgressRuleArgs]:
    """DNS, and the API server, whose address no policy can name: its ports stand for it."""
    return [*_names(), NetworkPolicyEgressRuleArgs(to=[anywhere()], ports=[tcp(port) for port in _API_SERVER])]


def _credentials() -> NetworkPolicyEgressRuleArgs:
    agent = NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr=POD_IDENTITY_AGENT))
    return NetworkPolicyEgressRuleArgs(to=[agent], ports=[tcp(POD_IDENTITY_PORT)])


def _names() -> list[NetworkPolicyEgressRuleArgs]:
    ports = [NetworkPolicyPortArgs(protocol="UDP", port=53), tcp(53)]
    return [NetworkPolicyEgressRuleArgs(to=[anywhere()], ports=ports)]


def tcp(port: int) -> NetworkPolicyPortArgs:
    """A TCP port."""
    return NetworkPolicyPortArgs(protocol="TCP", port=port)
