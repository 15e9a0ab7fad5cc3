"""Nobody reads a bucket without TLS, and what is old leaves it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from policies.pack.aws.s3_parts import is_of
from policies.rule import Resource, Rule, Severity, at, items


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    for bucket in (each for each in resources if each.type == "aws:s3/bucket:Bucket"):
        parts = [each for each in resources if each.type.startswith("aws:s3/bucket") and is_of(each, bucket)]
        if not any(_denies_plain(each) for each in parts if each.type.endswith(":BucketPolicy")):
            yield bucket, "no BucketPolicy denies requests without TLS"
        if not any(each.type.endswith(":BucketLifecycleConfiguration") for each in parts):
            yield bucket, "has no BucketLifecycleConfiguration"


def _denies_plain(part: Resource) -> bool:
    policy = part.at("policy")
    return any(
        at(statement, "Effect") == "Deny"
        and str(at(statement, "Condition", "Bool", "aws:SecureTransport")).lower() == "false"
        for statement in items(at(json.loads(policy) if isinstance(policy, str) else policy, "Statement"))
    )


RULE = Rule(
    id="aws-s3-tls",
    title="Buckets refuse requests without TLS, and have a lifecycle",
    severity=Severity.MEDIUM,
    frameworks=("FSBP S3.5", "FSBP S3.10"),
    remediation="declare a BucketPolicy that denies aws:SecureTransport false, and a BucketLifecycleConfiguration",
    types=frozenset({"aws:s3/bucket:Bucket", "aws:s3/bucketPolicy:BucketPolicy"}),
    stack=_check,
)
