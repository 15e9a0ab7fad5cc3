"""A bucket comes with what keeps it private, encrypted and recoverable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity

_PARTS = (
    "BucketPublicAccessBlock",
    "BucketServerSideEncryptionConfiguration",
    "BucketVersioning",
    "BucketOwnershipControls",
)


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    for bucket in (each for each in resources if each.type == "aws:s3/bucket:Bucket"):
        for part in _PARTS:
            kind = f"aws:s3/{part[0].lower()}{part[1:]}:{part}"
            if not any(each.type == kind and is_of(each, bucket) for each in resources):
                yield bucket, f"has no {part}"


def is_of(part: Resource, bucket: Resource) -> bool:
    """By name where that is known, otherwise by the resource's own: components name a part as its bucket."""
    named = part.at("bucket")
    return named in {bucket.at("bucket"), bucket.name} or part.name.startswith(bucket.name)


RULE = Rule(
    id="aws-s3-parts",
    title="Buckets come with a public access block, encryption, versions and ownership",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP S3.8",
        "FSBP S3.17",
        "FSBP S3.14",
        "FSBP S3.12",
    ),
    remediation="declare the missing parts beside the bucket",
    types=frozenset({"aws:s3/bucket:Bucket"}),
    stack=_check,
)
