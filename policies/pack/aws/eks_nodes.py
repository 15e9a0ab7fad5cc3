"""Nobody logs in to a node, and its disks have a key of ours."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items


def _check(resource: Resource) -> Iterator[str]:
    if resource.type.endswith(":NodeGroup"):
        if resource.at("remoteAccess") is not None:
            yield "remoteAccess is set: nodes listen for SSH"
        if resource.at("launchTemplate") is None:
            yield "launchTemplate is not set: nodes without IMDSv2 and an encrypted disk"
        return
    if resource.at("keyName") is not None:
        yield "keyName is set: whoever has the key logs in"
    for disk in items(resource.at("blockDeviceMappings")):
        if at(disk, "ebs") is not None and at(disk, "ebs", "kmsKeyId") is None:
            yield f"disk {at(disk, 'deviceName')} has no kmsKeyId: a key of AWS, that no policy of ours is about"
    if not items(resource.at("vpcSecurityGroupIds")) and not items(resource.at("networkInterfaces")):
        yield "vpcSecurityGroupIds is empty: the default group"


RULE = Rule(
    id="aws-eks-nodes",
    title="Nodes take no logins and have groups and keys of their own",
    severity=Severity.HIGH,
    frameworks=("CIS EKS 5.4.3", "NIST SP 800-53r5 AC-17", "NIST SP 800-53r5 SC-12"),
    remediation="leave remoteAccess and keyName out; set launchTemplate, vpcSecurityGroupIds and ebs.kmsKeyId",
    types=frozenset({"aws:eks/nodeGroup:NodeGroup", "aws:ec2/launchTemplate:LaunchTemplate"}),
    check=_check,
)
