"""Only who is named can take a role on."""

from __future__ import annotations

import json
from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items, texts


def _check(resource: Resource) -> Iterator[str]:
    policy = resource.at("assumeRolePolicy")
    for statement in items(at(json.loads(policy) if isinstance(policy, str) else policy, "Statement")):
        principal = at(statement, "Principal")
        everybody = principal == "*" or "*" in texts(at(principal, "AWS"))
        if at(statement, "Effect") == "Allow" and everybody and not at(statement, "Condition"):
            yield "everybody can take it on"
        if at(principal, "Federated") and not at(statement, "Condition"):
            yield "a federated principal without a condition"


RULE = Rule(
    id="aws-iam-trust",
    title="Only named principals can take a role on",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP IAM.21",
        "NIST SP 800-53r5 AC-6",
    ),
    remediation="name the service or the account in Principal, with a condition for federated ones",
    types=frozenset({"aws:iam/role:Role"}),
    check=_check,
)
