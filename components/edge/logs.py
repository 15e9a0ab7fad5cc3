"""The bucket that a load balancer's access logs go to.  (docs/aws.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

from components.aws import Scope, child, statement
from components.bucket import BucketArgs, closed_bucket, policy

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
        made = closed_bucket(
            self,
            name,
            BucketArgs(bucket=args.bucket, tags=args.scope.tags(COMPONENT), keep_days=args.days, old_days=7),
        )
        writable = s3.BucketPolicy(name, bucket=made.id, policy=_policy(args), opts=child(self, made.closed))
        self.bucket = made.id
        self.ready = [writable]
        self.register_outputs({"bucket": self.bucket})


def _policy(args: LogBucketArgs) -> str:
    """The load balancers of this account write."""
    own = args.scope.arn("elasticloadbalancing", "loadbalancer/*")
    return policy(
        args.bucket,
        statement(
            "s3:PutObject",
            f"arn:aws:s3:::{args.bucket}/AWSLogs/{args.scope.account}/*",
            principal={"Service": WRITER},
            condition={"ArnLike": {"aws:SourceArn": own}},
            sid="LoadBalancers",
        ),
    )
