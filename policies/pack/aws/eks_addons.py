"""Network policies are enforced, and what calls AWS does so as itself and not as the node."""

from __future__ import annotations

import json
from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items

_CALL_AWS = {"vpc-cni", "aws-ebs-csi-driver", "aws-efs-csi-driver"}


def _check(resource: Resource) -> Iterator[str]:
    name = resource.at("addonName")
    if name in _CALL_AWS and not items(resource.at("podIdentityAssociations")):
        yield "podIdentityAssociations is empty: it calls AWS as the node"
    if name == "vpc-cni":
        given = resource.at("configurationValues")
        if str(at(json.loads(given) if isinstance(given, str) else given, "enableNetworkPolicy")).lower() != "true":
            yield "configurationValues.enableNetworkPolicy is not true: no NetworkPolicy is enforced"


RULE = Rule(
    id="aws-eks-addons",
    title="Clusters enforce network policies, and add-ons have roles of their own",
    severity=Severity.CRITICAL,
    frameworks=("CIS EKS 5.4.4", "CIS Kubernetes 5.3.1", "NSA: network separation"),
    remediation="set enableNetworkPolicy in configurationValues of vpc-cni, and podIdentityAssociations",
    types=frozenset({"aws:eks/addon:Addon"}),
    check=_check,
)
