"""Images in ECR: never changed, scanned, copied to the other region.  (docs/aws.md)"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ecr

from components.aws import Scope, child

COMPONENT = "registry"
PREFIX = "groundwork/"


@dataclass(frozen=True, kw_only=True)
class RegistryArgs:
    """`images`: a repository for each. `keep`: how many images of each stay. `replicas`: regions with a copy."""

    scope: Scope
    images: Sequence[str]
    key: pulumi.Input[str]
    keep: int = 50
    replicas: Sequence[str] = ()


class Registry(pulumi.ComponentResource):
    """A repository an image. The registry's own settings are the account's: one environment an account."""

    def __init__(self, name: str, args: RegistryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:registry:Registry", name, None, opts)
        for image in args.images:
            repository = ecr.Repository(
                f"{name}-{image}",
                name=f"{PREFIX}{image}",
                image_tag_mutability="IMMUTABLE",
                image_scanning_configuration=ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
                encryption_configurations=[
                    ecr.RepositoryEncryptionConfigurationArgs(encryption_type="KMS", kms_key=args.key)
                ],
                tags=args.scope.tags(COMPONENT),
                opts=child(self),
            )
            ecr.LifecyclePolicy(
                f"{name}-{image}", repository=repository.name, policy=_lifecycle(args.keep), opts=child(self)
            )
        ecr.RegistryScanningConfiguration(
            name,
            scan_type="ENHANCED",
            rules=[
                ecr.RegistryScanningConfigurationRuleArgs(
                    scan_frequency="CONTINUOUS_SCAN",
                    repository_filters=[
                        ecr.RegistryScanningConfigurationRuleRepositoryFilterArgs(
                            filter=f"{PREFIX}*", filter_type="WILDCARD"
                        )
                    ],
                )
            ],
            opts=child(self),
        )
        if args.replicas:
            self._replicate(name, args)
        self.register_outputs({})

    def _replicate(self, name: str, args: RegistryArgs) -> None:
        rule = ecr.ReplicationConfigurationReplicationConfigurationRuleArgs(
            destinations=[
                ecr.ReplicationConfigurationReplicationConfigurationRuleDestinationArgs(
                    region=region, registry_id=args.scope.account
                )
                for region in args.replicas
            ],
            repository_filters=[
                ecr.ReplicationConfigurationReplicationConfigurationRuleRepositoryFilterArgs(
                    filter=PREFIX, filter_type="PREFIX_MATCH"
                )
            ],
        )
        ecr.ReplicationConfiguration(
            name,
            replication_configuration=ecr.ReplicationConfigurationReplicationConfigurationArgs(rules=[rule]),
            opts=child(self),
        )


def _lifecycle(keep: int) -> str:
    rules = [
        {
            "rulePriority": 1,
            "description": f"the newest {keep}",
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep},
            "action": {"type": "expire"},
        }
    ]
    return json.dumps({"rules": rules})
