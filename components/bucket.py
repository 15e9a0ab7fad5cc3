"""A closed bucket: private, encrypted, versioned, and emptied by age.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import s3
from pulumi_aws.s3 import (
    BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs as AbortArgs,
)
from pulumi_aws.s3 import (
    BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs as NoncurrentArgs,
)
from pulumi_aws.s3 import (
    BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs as EncryptionArgs,
)
from pydantic import JsonValue

from components.aws import child, document, statement


@dataclass(frozen=True, kw_only=True)
class BucketArgs:
    """`bucket`: its name, one that nobody else in the world has. `key`: ARN of what encrypts it; None for S3's own.

    `keep_days`: how long an object is kept; `old_days`: what was deleted, and what was never put in whole.
    `locked`: objects can be locked, which is decided when it is made.
    """

    bucket: str
    tags: Mapping[str, str]
    keep_days: int
    old_days: int
    key: pulumi.Input[str] | None = None
    locked: bool = False


@dataclass(frozen=True, kw_only=True)
class ClosedBucket:
    """`closed`: what a policy must come after; `versions`: what a lock must come after."""

    id: pulumi.Output[str]
    closed: pulumi.Resource
    versions: pulumi.Resource


def closed_bucket(parent: pulumi.Resource, name: str, args: BucketArgs) -> ClosedBucket:
    """The bucket as a child of `parent`, all parts by one name. Its policy is the parent's."""
    bucket = s3.Bucket(
        name,
        bucket=args.bucket,
        object_lock_enabled=True if args.locked else None,
        tags=dict(args.tags),
        opts=child(parent),
    )
    closed = s3.BucketPublicAccessBlock(
        name,
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=child(parent),
    )
    s3.BucketOwnershipControls(
        name,
        bucket=bucket.id,
        rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
        opts=child(parent),
    )
    s3.BucketServerSideEncryptionConfiguration(name, bucket=bucket.id, rules=[_encryption(args)], opts=child(parent))
    versions = s3.BucketVersioning(
        name,
        bucket=bucket.id,
        versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
        opts=child(parent),
    )
    s3.BucketLifecycleConfiguration(name, bucket=bucket.id, rules=[_age(args)], opts=child(parent, versions))
    return ClosedBucket(id=bucket.id, closed=closed, versions=versions)


def _encryption(args: BucketArgs) -> s3.BucketServerSideEncryptionConfigurationRuleArgs:
    if args.key is None:
        by = EncryptionArgs(sse_algorithm="AES256")
        return s3.BucketServerSideEncryptionConfigurationRuleArgs(apply_server_side_encryption_by_default=by)
    return s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=EncryptionArgs(sse_algorithm="aws:kms", kms_master_key_id=args.key),
        bucket_key_enabled=True,
    )


def _age(args: BucketArgs) -> s3.BucketLifecycleConfigurationRuleArgs:
    return s3.BucketLifecycleConfigurationRuleArgs(
        id="age",
        status="Enabled",
        filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.keep_days),
        noncurrent_version_expiration=NoncurrentArgs(noncurrent_days=args.old_days),
        abort_incomplete_multipart_upload=AbortArgs(days_after_initiation=args.old_days),
    )


def policy(bucket: str, *statements: Mapping[str, JsonValue]) -> str:
    """Of a bucket: these statements, and nobody comes over a connection that can be read."""
    return document(*statements, denied(bucket, "TlsOnly", {"Bool": {"aws:SecureTransport": "false"}}))


def denied(bucket: str, sid: str, condition: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Everything, to everybody, on a condition."""
    everything = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return statement("s3:*", everything, principal={"AWS": "*"}, effect="Deny", condition=condition, sid=sid)
