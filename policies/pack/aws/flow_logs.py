"""What goes through a network is on record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    kept = sum(each.type == "aws:ec2/flowLog:FlowLog" and each.at("trafficType") == "ALL" for each in resources)
    networks = [each for each in resources if each.type == "aws:ec2/vpc:Vpc"]
    for network in networks[kept:]:
        yield network, "has no FlowLog of all traffic"


RULE = Rule(
    id="aws-flow-logs",
    title="Networks keep flow logs",
    severity=Severity.MEDIUM,
    frameworks=(
        "FSBP EC2.6",
        "CIS AWS 3.7",
    ),
    remediation="declare a FlowLog for the Vpc with trafficType ALL",
    types=frozenset({"aws:ec2/vpc:Vpc"}),
    stack=_check,
)
