"""What a locked bucket takes in stays, whoever is asked to delete it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.pack.aws.s3_parts import is_of
from policies.rule import Resource, Rule, Severity

_LOCK = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    locks = [each for each in resources if each.type == _LOCK]
    taking = [
        each for each in resources if each.type == "aws:s3/bucket:Bucket" and each.at("objectLockEnabled") is True
    ]
    for lock in locks:
        if not any(is_of(lock, bucket) for bucket in taking):
            yield lock, "its bucket has no objectLockEnabled"
        kept = lock.at("rule", "defaultRetention", "days")
        if lock.at("rule", "defaultRetention", "mode") != "COMPLIANCE":
            yield lock, "rule.defaultRetention.mode is not COMPLIANCE: some may delete"
        if not isinstance(kept, int | float) or kept < 1:
            yield lock, "rule.defaultRetention.days is not 1 or more"
    for bucket in taking:
        if not any(is_of(lock, bucket) for lock in locks):
            yield bucket, "has no BucketObjectLockConfiguration"


RULE = Rule(
    id="aws-s3-object-lock",
    title="A lock of a bucket's objects has a time within which nobody deletes",
    severity=Severity.HIGH,
    frameworks=("FSBP S3.15", "NIST SP 800-53r5 CP-9(8)"),
    remediation="set objectLockEnabled, and rule.defaultRetention.mode: COMPLIANCE with days",
    types=frozenset({"aws:s3/bucket:Bucket", _LOCK}),
    stack=_check,
)
