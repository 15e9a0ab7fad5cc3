"""No bucket can be made public."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
        if resource.at(key) is not True:
            yield f"{key} is not true"


RULE = Rule(
    id="aws-s3-public",
    title="Buckets have all four blocks of public access",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP S3.8",
        "CIS AWS 2.1.4",
    ),
    remediation="add a BucketPublicAccessBlock with all four settings true",
    types=frozenset({"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"}),
    check=_check,
)
