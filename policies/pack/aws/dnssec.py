"""Answers about our names are signed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity, items


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    signed = [each for each in resources if each.type.endswith(":HostedZoneDnsSec")]
    keys = [each for each in resources if each.type.endswith(":KeySigningKey")]
    zones = [each for each in resources if each.type == "aws:route53/zone:Zone" and not items(each.at("vpcs"))]
    for zone in zones[sum(each.at("signingStatus") in {None, "SIGNING"} for each in signed) :]:
        yield zone, "has no HostedZoneDnsSec that signs"
    for zone in zones[sum(each.at("status") in {None, "ACTIVE"} for each in keys) :]:
        yield zone, "has no active KeySigningKey"


RULE = Rule(
    id="aws-dnssec",
    title="Public zones are signed",
    severity=Severity.HIGH,
    frameworks=("NIST SP 800-53r5 SC-20",),
    remediation="declare KeySigningKey and HostedZoneDnsSec for the Zone",
    types=frozenset({"aws:route53/zone:Zone"}),
    stack=_check,
)
