"""The security group that everything falls into opens nothing."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, items


def _check(resource: Resource) -> Iterator[str]:
    for way in ("ingress", "egress"):
        if items(resource.at(way)):
            yield f"{way} has rules"


RULE = Rule(
    id="aws-default-security-group",
    title="The default security group is closed",
    severity=Severity.HIGH,
    frameworks=(
        "FSBP EC2.2",
        "CIS AWS 5.4",
    ),
    remediation="declare DefaultSecurityGroup without ingress and egress",
    types=frozenset({"aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"}),
    check=_check,
)
