"""What is overwritten in a bucket can be had back."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("versioningConfiguration", "status") != "Enabled":
        yield "versioningConfiguration.status is not Enabled"


RULE = Rule(
    id="aws-s3-versioning",
    title="Buckets keep versions",
    severity=Severity.HIGH,
    frameworks=("FSBP S3.14",),
    remediation="set versioningConfiguration.status: Enabled",
    types=frozenset({"aws:s3/bucketVersioning:BucketVersioning"}),
    check=_check,
)
