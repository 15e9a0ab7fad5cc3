"""What the network policies of several components have in common."""

from __future__ import annotations

from collections.abc import Sequence

from pulumi_kubernetes.meta.v1 import LabelSelectorArgs
from pulumi_kubernetes.networking.v1 import IPBlockArgs, NetworkPolicyPeerArgs, NetworkPolicySpecArgs

# Where clouds hand out a machine's credentials.
LINK_LOCAL = "169.254.0.0/16"
# Where EKS's agent on each node hands out the rights of a pod's own service account, and no others.
POD_IDENTITY_AGENT, POD_IDENTITY_PORT = "169.254.170.23/32", 80


def closed() -> NetworkPolicySpecArgs:
    """Every pod of the namespace: nothing in, nothing out."""
    return NetworkPolicySpecArgs(pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"])


def anywhere(but: Sequence[str] = ()) -> NetworkPolicyPeerArgs:
    """Every address but the network on which clouds hand out a machine's credentials, and those of `but` (CIDRs)."""
    return NetworkPolicyPeerArgs(ip_block=IPBlockArgs(cidr="0.0.0.0/0", except_=[LINK_LOCAL, *but]))
