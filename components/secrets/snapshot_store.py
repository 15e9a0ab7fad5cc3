"""Where snapshots of OpenBao stand in AWS: a bucket, and the right to put into it and no more.  (docs/secrets.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import s3

from components.aws import Scope, child, document, statement
from components.bucket import BucketArgs, closed_bucket, denied, policy
from components.cluster.pod_identity import PodIdentityArgs, pod_identity
from components.secrets.aws import COMPONENT, Purpose, key_for
from components.secrets.names import NAMESPACE, SNAPSHOT_PREFIX, SNAPSHOTS

PURPOSE = Purpose(description="snapshots of OpenBao")


def bucket_name(scope: Scope) -> str:
    """Known before the bucket is made. Names are the world's: this one only this account can have."""
    return f"{scope.name(SNAPSHOTS)}-{scope.account}"


@dataclass(frozen=True, kw_only=True)
class SnapshotStoreArgs:
    """`cluster_name`: where OpenBao runs. `lock_days`: within which nobody can delete one; `keep_days`: after which it
    goes by itself. `deletion_days`: how long a deleted key can be had back, 7 to 30.
    """

    scope: Scope
    cluster_name: pulumi.Input[str]
    keep_days: int
    lock_days: int
    deletion_days: int = 30


class SnapshotStore(pulumi.ComponentResource):
    """The bucket, a key of its own, and the role of the account that snapshots are put with.

    It belongs to the environment and not to the layer: snapshots outlive the OpenBao that they are of.
    """

    def __init__(self, name: str, args: SnapshotStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:secrets:SnapshotStore", name, None, opts)
        self._name, self._args = name, args
        scope = args.scope
        key = key_for(self, name, scope, PURPOSE, SNAPSHOTS, args.deletion_days)
        self._bucket(key)
        identity = PodIdentityArgs(
            scope=scope,
            component=COMPONENT,
            part=SNAPSHOTS,
            cluster_name=args.cluster_name,
            namespace=NAMESPACE,
            account=SNAPSHOTS,
            policy=key.apply(lambda arn: rights(bucket_name(scope), arn, scope.region)),
        )
        pod_identity(name, identity, self)
        self.register_outputs({})

    def _bucket(self, key: pulumi.Input[str]) -> None:
        name, args = self._name, self._args
        made = closed_bucket(
            self,
            name,
            BucketArgs(
                bucket=bucket_name(args.scope),
                tags=args.scope.tags(COMPONENT),
                keep_days=args.keep_days,
                old_days=1,
                key=key,
                locked=True,
            ),
        )
        s3.BucketObjectLockConfiguration(
            name,
            bucket=made.id,
            rule=s3.BucketObjectLockConfigurationRuleArgs(
                default_retention=s3.BucketObjectLockConfigurationRuleDefaultRetentionArgs(
                    mode="COMPLIANCE", days=args.lock_days
                )
            ),
            opts=child(self, made.versions),
        )
        s3.BucketPolicy(
            name,
            bucket=made.id,
            policy=_policy(bucket_name(args.scope), args.scope.account),
            opts=child(self, made.closed),
        )


def rights(bucket: str, key: str, region: str) -> str:
    """What the role may do: put below one prefix, under the bucket's key. It reads, lists and deletes nothing."""
    return document(
        statement("s3:PutObject", f"arn:aws:s3:::{bucket}/{SNAPSHOT_PREFIX}/*", sid="Put"),
        statement(
            "kms:GenerateDataKey",
            key,
            condition={"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
            sid="Encrypt",
        ),
    )


def _policy(bucket: str, account: str) -> str:
    """Nobody of another account comes in."""
    return policy(bucket, denied(bucket, "ThisAccountOnly", {"StringNotEquals": {"aws:PrincipalAccount": account}}))
