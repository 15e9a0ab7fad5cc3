"""The bucket that a load balancer's access logs go to.  (docs/aws.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

from components.aws import Scope, child, document, statement

COMPONENT = "edge"
WRITER = "logdelivery.elasticloadbalancing.amazonaws.com"


@dataclass(frozen=True, kw_only=True)
class LogBucketArgs:
    """`days`: how long a log is kept. `bucket`: its name, one that nobody else in the world has."""

    scope: Scope
    bucket: str
    days: int


class LogBucket(pulumi.ComponentResource):
    """Private, encrypted (with S3's own key: load balancers write with no other), versioned, and emptied by age."""

    bucket: pulumi.Output[str]
    ready: list[pulumi.Resource]

    def __init__(self, name: str, args: LogBucketArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:edge:LogBucket", name, None, opts)
        bucket = s3.Bucket(name, bucket=args.bucket, tags=args.scope.tags(COMPONENT), opts=child(self))
        closed = s3.BucketPublicAccessBlock(
            name,
            bucket=bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=child(self),
        )
        s3.BucketOwnershipControls(
            name,
            bucket=bucket.id,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=child(self),
        )
        s3.BucketServerSideEncryptionConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="AES256"
                    )
                )
            ],
            opts=child(self),
        )
        s3.BucketVersioning(
            name,
            bucket=bucket.id,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=child(self),
        )
        s3.BucketLifecycleConfiguration(
            name,
            bucket=bucket.id,
            rules=[
                s3.BucketLifecycleConfigurationRuleArgs(
                    id="age",
                    status="Enabled",
                    filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
                    expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=args.days),
                    noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
                        noncurrent_days=7
                    ),
                    abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
                        days_after_initiation=7
                    ),
                )
            ],
            opts=child(self),
        )
        policy = s3.BucketPolicy(name, bucket=bucket.id, policy=_policy(args), opts=child(self, closed))
        self.bucket = bucket.id
        self.ready = [policy]
        self.register_outputs({"bucket": self.bucket})


def _policy(args: LogBucketArgs) -> str:
    """The load balancers of this account write; nobody comes over a connection that can be read."""
    arn = f"arn:aws:s3:::{args.bucket}"
    own = args.scope.arn("elasticloadbalancing", "loadbalancer/*")
    return document(
        statement(
            "s3:PutObject",
            f"{arn}/AWSLogs/{args.scope.account}/*",
            principal={"Service": WRITER},
            condition={"ArnLike": {"aws:SourceArn": own}},
            sid="LoadBalancers",
        ),
        statement(
            "s3:*",
            [arn, f"{arn}/*"],
            principal={"AWS": "*"},
            effect="Deny",
            condition={"Bool": {"aws:SecureTransport": "false"}},
            sid="TlsOnly",
        ),
    )
