"""Who may do what in a cluster stands in its entries: whoever made it is no administrator by that."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    if resource.type.endswith(":Cluster"):
        if resource.at("accessConfig", "bootstrapClusterCreatorAdminPermissions") is not False:
            yield "accessConfig.bootstrapClusterCreatorAdminPermissions is not false"
        return
    principal = str(resource.at("principalArn"))
    if principal.endswith(":root") or "*" in principal:
        yield f"{principal} has an entry: whoever is in the account"


RULE = Rule(
    id="aws-eks-access",
    title="Only who has an entry may enter a cluster",
    severity=Severity.HIGH,
    frameworks=("CIS EKS 4.1.1", "NIST SP 800-53r5 AC-6"),
    remediation="set bootstrapClusterCreatorAdminPermissions: false, and name a role in each entry",
    types=frozenset({"aws:eks/cluster:Cluster", "aws:eks/accessEntry:AccessEntry"}),
    check=_check,
)
