"""A service of AWS that may use something of ours does so for this account only."""

from __future__ import annotations

import json
from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items, texts

# Taken on by machines and the control plane of EKS, which name no source.
_NO_SOURCE = {"ec2.amazonaws.com", "eks.amazonaws.com"}


def _check(resource: Resource) -> Iterator[str]:
    policy = resource.at("assumeRolePolicy" if resource.type.endswith(":Role") else "policy")
    for statement in items(at(json.loads(policy) if isinstance(policy, str) else policy, "Statement")):
        services = set(texts(at(statement, "Principal", "Service"))) - _NO_SOURCE
        if services and at(statement, "Effect") == "Allow" and not at(statement, "Condition"):
            yield f"{', '.join(sorted(services))} may use it for any account"


RULE = Rule(
    id="aws-confused-deputy",
    title="Services use what is ours for this account alone",
    severity=Severity.HIGH,
    frameworks=("NIST SP 800-53r5 AC-6", "AWS IAM: the confused deputy problem"),
    remediation="add a condition on aws:SourceAccount or aws:SourceArn",
    types=frozenset(
        {"aws:kms/key:Key", "aws:sns/topicPolicy:TopicPolicy", "aws:s3/bucketPolicy:BucketPolicy", "aws:iam/role:Role"}
    ),
    check=_check,
)
