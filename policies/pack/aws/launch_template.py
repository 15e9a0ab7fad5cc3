"""Machines give their credentials only to who asks the new way, and their disks are encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("metadataOptions", "httpTokens") != "required":
        yield "metadataOptions.httpTokens is not required"
    hops = resource.at("metadataOptions", "httpPutResponseHopLimit")
    if isinstance(hops, int | float) and hops > 1:
        yield "metadataOptions.httpPutResponseHopLimit is above 1: pods reach the machine's credentials"
    for disk in items(resource.at("blockDeviceMappings")):
        if str(at(disk, "ebs", "encrypted")).lower() != "true":
            yield f"disk {at(disk, 'deviceName')} is not encrypted"
    for interface in items(resource.at("networkInterfaces")):
        if str(at(interface, "associatePublicIpAddress")).lower() == "true":
            yield "gives a public address"


RULE = Rule(
    id="aws-launch-template",
    title="Machines ask for session tokens (IMDSv2) and encrypt their disks",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP EC2.8",
        "FSBP EC2.170",
        "FSBP EC2.3",
        "FSBP EC2.25",
        "CIS EKS 5.4.3",
    ),
    remediation="set metadataOptions.httpTokens: required with a hop limit of 1, and ebs.encrypted",
    types=frozenset({"aws:ec2/launchTemplate:LaunchTemplate", "aws:ec2/instance:Instance"}),
    check=_check,
)
