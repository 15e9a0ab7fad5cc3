"""Caches are encrypted at rest and on the way, and ask who is there."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, items


def _check(resource: Resource) -> Iterator[str]:
    for key in ("atRestEncryptionEnabled", "transitEncryptionEnabled"):
        if resource.at(key) is not True:
            yield f"{key} is not true"
    if not items(resource.at("userGroupIds")) and resource.at("authToken") is None:
        yield "has neither users nor a token"
    kept = resource.at("snapshotRetentionLimit")
    if not isinstance(kept, int | float) or kept < 1:
        yield "snapshotRetentionLimit is 0"


RULE = Rule(
    id="aws-elasticache",
    title="Caches are encrypted at rest and in transit, with users",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP ElastiCache.1",
        "FSBP ElastiCache.3",
        "FSBP ElastiCache.4",
        "FSBP ElastiCache.5",
        "FSBP ElastiCache.6",
    ),
    remediation="set atRestEncryptionEnabled, transitEncryptionEnabled, userGroupIds and snapshotRetentionLimit",
    types=frozenset({"aws:elasticache/replicationGroup:ReplicationGroup"}),
    check=_check,
)
