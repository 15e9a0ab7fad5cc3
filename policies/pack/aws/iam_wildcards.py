"""No policy of an identity allows everything, or everything on everything."""

from __future__ import annotations

import json
from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, Value, at, items, texts

_READS = ("Describe", "Get", "List", "Lookup", "BatchGet", "Search")
# AWS knows no resource for these: "*" is the only one that their reference allows.
_NO_RESOURCE = frozenset({"ecr:GetAuthorizationToken", "cloudwatch:PutMetricData", "xray:PutTraceSegments"})


def _check(resource: Resource) -> Iterator[str]:
    for policy in (resource.at("policy"), *(at(each, "policy") for each in items(resource.at("inlinePolicies")))):
        for statement in _statements(policy):
            yield from _wrong(statement)
    for arn in texts(resource.at("managedPolicyArns")):
        if arn.endswith(("/AdministratorAccess", "/PowerUserAccess")):
            yield f"has {arn}"


def _statements(policy: Value) -> list[Value]:
    if isinstance(policy, str):
        return items(at(json.loads(policy), "Statement"))
    return items(at(policy, "Statement"))


def _wrong(statement: Value) -> Iterator[str]:
    if at(statement, "Effect") != "Allow":
        return
    actions = texts(at(statement, "Action"))
    for action in actions:
        if action == "*" or (action.endswith(":*") and not at(statement, "Condition")):
            yield f"allows {action}"
    if items(at(statement, "NotAction")):
        yield "allows all but NotAction"
    if "*" in texts(at(statement, "Resource")) and not at(statement, "Condition"):
        changing = [
            each for each in actions if not each.partition(":")[2].startswith(_READS) and each not in _NO_RESOURCE
        ]
        if changing:
            yield f"allows {', '.join(changing)} on every resource"


RULE = Rule(
    id="aws-iam-wildcards",
    title="No identity may do everything",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP IAM.1",
        "FSBP IAM.21",
        "CIS AWS 1.16",
    ),
    remediation="name the actions and the resources",
    types=frozenset({"aws:iam/policy:Policy", "aws:iam/rolePolicy:RolePolicy", "aws:iam/role:Role"}),
    check=_check,
)
