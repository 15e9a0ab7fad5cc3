"""The storage class of clusters on EKS.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.storage.v1 import StorageClass

from components.cluster.names import FAST
from components.labels import platform_labels


@dataclass(frozen=True, kw_only=True)
class StorageClassesArgs:
    """`key`: the KMS key of volumes. `tags`: what each volume has in the account, which no stack makes."""

    environment: str
    key: pulumi.Input[str]
    tags: Mapping[str, str]


class StorageClasses(pulumi.ComponentResource):
    """`fast`, the default: gp3, encrypted, made in the zone that its pod runs in, and larger when asked."""

    def __init__(self, name: str, args: StorageClassesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:cluster:StorageClasses", name, None, opts)
        StorageClass(
            f"{name}-fast",
            metadata=ObjectMetaArgs(
                name=FAST,
                labels=platform_labels(args.environment, "storage"),
                annotations={"storageclass.kubernetes.io/is-default-class": "true"},
            ),
            provisioner="ebs.csi.aws.com",
            parameters={"type": "gp3", "encrypted": "true", "kmsKeyId": args.key, **_tagged(args.tags)},
            volume_binding_mode="WaitForFirstConsumer",
            allow_volume_expansion=True,
            reclaim_policy="Delete",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def _tagged(tags: Mapping[str, str]) -> dict[str, str]:
    """As EBS's driver reads them."""
    return {f"tagSpecification_{number}": f"{key}={value}" for number, (key, value) in enumerate(tags.items(), 1)}
