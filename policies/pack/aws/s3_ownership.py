"""What stands in a bucket is its owner's, and lists of access count for nothing."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("rule", "objectOwnership") != "BucketOwnerEnforced":
        yield f"objectOwnership is {resource.at('rule', 'objectOwnership')}"


RULE = Rule(
    id="aws-s3-ownership",
    title="Buckets know no access lists",
    severity=Severity.HIGH,
    frameworks=("FSBP S3.12",),
    remediation="set rule.objectOwnership: BucketOwnerEnforced",
    types=frozenset({"aws:s3/bucketOwnershipControls:BucketOwnershipControls"}),
    check=_check,
)
