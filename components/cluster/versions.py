"""The Kubernetes versions that EKS is asked for, each with the versions of its add-ons.

Sources, looked up in November 2026. Support: the EKS calendar as quoted by AWS's sample `eks-operation-review` (1.35:
standard support until 27 March 2027; 1.34: until 2 December 2026). Add-ons of 1.34: the tables of the EKS user guide
(`kube-proxy`) and public configurations that run them; of 1.35: a public configuration that runs all five on 1.35.
Before an upgrade ask the account: `aws eks describe-addon-versions --kubernetes-version 1.35`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

Addons = Mapping[str, str]

ADDONS: Mapping[str, Addons] = MappingProxyType(
    {
        "1.34": {
            "vpc-cni": "v1.21.1-eksbuild.1",
            "kube-proxy": "v1.34.1-eksbuild.2",
            "eks-pod-identity-agent": "v1.3.10-eksbuild.2",
            "coredns": "v1.12.4-eksbuild.1",
            "aws-ebs-csi-driver": "v1.54.0-eksbuild.1",
        },
        "1.35": {
            "vpc-cni": "v1.21.1-eksbuild.3",
            "kube-proxy": "v1.35.0-eksbuild.2",
            "eks-pod-identity-agent": "v1.3.10-eksbuild.3",
            "coredns": "v1.13.2-eksbuild.1",
            "aws-ebs-csi-driver": "v1.57.1-eksbuild.1",
        },
    }
)
# These must be there before a node is: it is not ready without them. The others need nodes to run on.
BEFORE_NODES = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent")
