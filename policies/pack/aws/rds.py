"""Databases are private, encrypted, kept and cannot be deleted by accident."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    for key in ("storageEncrypted", "deletionProtection", "copyTagsToSnapshot"):
        if resource.at(key) is not True:
            yield f"{key} is not true"
    if resource.at("publiclyAccessible") is True:
        yield "publiclyAccessible is true"
    if resource.at("skipFinalSnapshot") is True:
        yield "skipFinalSnapshot is true"
    kept = resource.at("backupRetentionPeriod")
    if not isinstance(kept, int | float) or kept < 7:
        yield f"backupRetentionPeriod is {kept or 'not set'}, less than 7 days"
    if resource.type.endswith(":Instance") and resource.at("autoMinorVersionUpgrade") is False:
        yield "autoMinorVersionUpgrade is false"


RULE = Rule(
    id="aws-rds",
    title="Databases are encrypted, private, backed up and protected from deletion",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP RDS.2",
        "FSBP RDS.3",
        "FSBP RDS.8",
        "FSBP RDS.11",
        "FSBP RDS.13",
    ),
    remediation="set storageEncrypted, deletionProtection, backupRetentionPeriod of 7, publiclyAccessible: false",
    types=frozenset({"aws:rds/instance:Instance", "aws:rds/cluster:Cluster"}),
    check=_check,
)
