"""Every network closes the security group that everything falls into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    closed = sum(each.type.endswith(":DefaultSecurityGroup") for each in resources)
    networks = [each for each in resources if each.type == "aws:ec2/vpc:Vpc"]
    for network in networks[closed:]:
        yield network, "has no DefaultSecurityGroup"


RULE = Rule(
    id="aws-default-security-group-declared",
    title="Networks declare their default security group",
    severity=Severity.HIGH,
    frameworks=(
        "FSBP EC2.2",
        "CIS AWS 5.4",
    ),
    remediation="declare a DefaultSecurityGroup for the Vpc",
    types=frozenset({"aws:ec2/vpc:Vpc"}),
    stack=_check,
)
