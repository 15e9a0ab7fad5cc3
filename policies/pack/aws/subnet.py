"""A machine gets a public address only where somebody says so."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("mapPublicIpOnLaunch") is True:
        yield "mapPublicIpOnLaunch is true"


RULE = Rule(
    id="aws-subnet",
    title="Subnets give no public address by themselves",
    severity=Severity.HIGH,
    frameworks=("FSBP EC2.15",),
    remediation="set mapPublicIpOnLaunch: false",
    types=frozenset({"aws:ec2/subnet:Subnet"}),
    check=_check,
)
