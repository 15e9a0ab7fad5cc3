"""A tenant's stack where the environment runs on ECS.  (docs/ecs.md)"""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi_aws import Provider

from components.agents.ecs_platform import EcsDatabase, EcsPlatform
from components.agents.ecs_telemetry import Telemetry
from components.tenancy.ecs import EcsTenant, EcsTenantArgs
from components.tenancy.tenant import TenantArgs
from groundwork.errors import UserError
from stacks.aws_environment import scope_of
from stacks.aws_settings import AwsSettings, EcsSettings
from stacks.settings import Settings

RUNTIME, COLLECTOR = "agent-runtime", "ecs-collector"


def declare(
    environment: str,
    settings: Settings,
    tenant: TenantArgs,
    rotation_days: Mapping[str, int],
    shared: pulumi.StackReference,
) -> None:
    """The same tenant as in a cluster, of what the environment's stack made for services."""
    aws = settings.aws
    assert aws is not None  # noqa: S101 – the caller has asked
    assert isinstance(aws.cluster, EcsSettings)  # noqa: S101 – the caller has asked
    _refuse_without_queues(aws, tenant)
    made, images = shared.require_output("ecs"), shared.require_output("images")
    platform = EcsPlatform(
        cluster_arn=made["clusterArn"],
        cluster_name=made["clusterName"],
        namespace_arn=made["namespaceArn"],
        authority_arn=made["authorityArn"],
        tls_role_arn=made["tlsRoleArn"],
        service_group_id=made["serviceGroupId"],
        log_group=made["logGroup"],
        metrics_group=made["metricsGroup"],
        vpc_id=made["vpcId"],
        vpc_cidr=made["vpcCidr"],
        s3_prefix_list=made["s3PrefixList"],
        subnet_ids=made["subnetIds"],
        listener_arn=made["listenerArn"],
        balancer_suffix=made["balancerSuffix"],
        secrets_key=made["secretsKey"],
        alarm_topic=made["alarmTopic"],
        balancer_role_arn=made["balancerRoleArn"],
        architecture=aws.cluster.architecture,
        database=EcsDatabase(function_arn=made["databaseFunctionArn"], group_id=made["databaseGroupId"])
        if settings.secrets.postgres == "rds"
        else None,
    )
    args = EcsTenantArgs(
        tenant=tenant.owner.tenant,
        scope=scope_of(environment, aws, cost_centre=tenant.owner.cost_centre),
        platform=platform,
        spec=tenant.spec,
        agents=tenant.agents,
        runtime_image=images[RUNTIME],
        telemetry=Telemetry(image=images[COLLECTOR], trace_percent=aws.cluster.trace_percent),
        rotation_days=rotation_days,
    )
    provider = Provider("aws", region=aws.region, allowed_account_ids=[aws.account])
    EcsTenant(tenant.owner.tenant, args, pulumi.ResourceOptions(providers=[provider]))


def _refuse_without_queues(aws: AwsSettings, tenant: TenantArgs) -> None:
    """Tasks reach AWS by the network's endpoints alone."""
    for agent in tenant.agents:
        channels = agent.manifest.spec.channels
        if (channels.subscribe or channels.publish) and "sqs" not in aws.network.endpoints:
            raise UserError(
                what=f"agent {agent.manifest.name}: spec.channels: its tasks have no way to their queues",
                where="groundwork:aws.network.endpoints",
                fix="add sqs there, and bring the environment up",
            )
