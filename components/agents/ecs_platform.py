"""What an agent on ECS stands on, and what its parts have in common.  (docs/ecs.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.agents.manifest import AgentManifest, Spec


@dataclass(frozen=True, kw_only=True)
class EcsDatabase:
    """Where tenants' users are made. `function_arn`: what rotates them; `group_id`: the database's security group."""

    function_arn: pulumi.Input[str]
    group_id: pulumi.Input[str]


@dataclass(frozen=True, kw_only=True)
class EcsPlatform:
    """What the environment's stack made for its services; its output `ecs`. `database`: where it makes users."""

    cluster_arn: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    namespace_arn: pulumi.Input[str]
    authority_arn: pulumi.Input[str]
    tls_role_arn: pulumi.Input[str]
    service_group_id: pulumi.Input[str]
    log_group: pulumi.Input[str]
    metrics_group: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    vpc_cidr: pulumi.Input[str]
    s3_prefix_list: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    listener_arn: pulumi.Input[str]
    balancer_suffix: pulumi.Input[str]
    secrets_key: pulumi.Input[str]
    alarm_topic: pulumi.Input[str]
    balancer_role_arn: pulumi.Input[str]
    architecture: str
    database: EcsDatabase | None = None


def uses_database(spec: Spec) -> bool:
    """Whether an agent is given a user of the database."""
    return any(secret.database is not None for secret in spec.secrets.values())


@dataclass(frozen=True, kw_only=True)
class TokenIssuer:
    """Whose tokens open the way to an agent. `jwks_uri`: where its keys are."""

    issuer: str
    jwks_uri: str
    audiences: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One agent's, for each of its parts. `name`: of its resources; `physical`: their name in AWS."""

    name: str
    physical: str
    tenant: str
    manifest: AgentManifest
    platform: EcsPlatform
    tags: Mapping[str, str]
    parent: pulumi.Resource

    @property
    def spec(self) -> Spec:
        """What it runs, and with how much."""
        return self.manifest.spec

    @property
    def alias(self) -> str:
        """Its name for the environment's other services."""
        return f"{self.manifest.name}.{self.tenant}"
