"""No role is given a policy of AWS that may do everything."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity

_EVERYTHING = ("/AdministratorAccess", "/PowerUserAccess", "/IAMFullAccess")


def _check(resource: Resource) -> Iterator[str]:
    policy = str(resource.at("policyArn"))
    if policy.endswith(_EVERYTHING):
        yield f"attaches {policy.rpartition('/')[2]}"


RULE = Rule(
    id="aws-iam-attachments",
    title="No role is an administrator",
    severity=Severity.CRITICAL,
    frameworks=("FSBP IAM.1", "CIS AWS 1.16"),
    remediation="attach a policy that names actions and resources",
    types=frozenset({"aws:iam/rolePolicyAttachment:RolePolicyAttachment"}),
    check=_check,
)
