"""Buckets are encrypted under a key of ours."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items


def _check(resource: Resource) -> Iterator[str]:
    for rule in items(resource.at("rules")):
        if at(rule, "applyServerSideEncryptionByDefault", "sseAlgorithm") not in {"aws:kms", "aws:kms:dsse"}:
            yield "sseAlgorithm is not aws:kms"


RULE = Rule(
    id="aws-s3-encryption",
    title="Buckets are encrypted with KMS",
    severity=Severity.HIGH,
    frameworks=(
        "FSBP S3.17",
        "CIS AWS 2.1.1",
    ),
    remediation="set rules[].applyServerSideEncryptionByDefault.sseAlgorithm: aws:kms with a key",
    types=frozenset({"aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"}),
    check=_check,
)
