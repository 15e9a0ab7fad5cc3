"""Caches are reached by named clients in their own network, and by TLS alone."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, items


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("transitEncryptionMode") == "preferred":
        yield "transitEncryptionMode is preferred: whoever speaks without TLS is answered"
    if resource.at("kmsKeyId") is None:
        yield "kmsKeyId is not set: a key of AWS, that no policy of ours is about"
    if resource.at("autoMinorVersionUpgrade") is False:
        yield "autoMinorVersionUpgrade is false"
    if resource.at("subnetGroupName") in {None, "default"}:
        yield "subnetGroupName is the account's default"
    if not items(resource.at("securityGroupIds")):
        yield "securityGroupIds is empty: the default group"
    if not items(resource.at("logDeliveryConfigurations")):
        yield "logDeliveryConfigurations is empty"


RULE = Rule(
    id="aws-elasticache-access",
    title="Caches have a key and groups of their own, TLS alone, and a log",
    severity=Severity.HIGH,
    frameworks=("FSBP ElastiCache.2", "FSBP ElastiCache.5", "FSBP ElastiCache.7"),
    remediation="set transitEncryptionMode: required, kmsKeyId, a log and both groups",
    types=frozenset({"aws:elasticache/replicationGroup:ReplicationGroup"}),
    check=_check,
)
