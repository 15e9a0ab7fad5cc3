"""A tenant's stack where the environment runs on ECS.  (docs/ecs.md)"""

from __future__ import annotations

import pulumi
from pulumi_aws import Provider

from components.agents.ecs import EcsPlatform
from components.tenancy.ecs import EcsTenant, EcsTenantArgs
from components.tenancy.tenant import TenantArgs
from stacks.aws_environment import scope_of
from stacks.aws_settings import AwsSettings, EcsSettings

RUNTIME = "agent-runtime"


def declare(environment: str, aws: AwsSettings, tenant: TenantArgs, shared: pulumi.StackReference) -> None:
    """The same tenant as in a cluster, of what the environment's stack made for services."""
    assert isinstance(aws.cluster, EcsSettings)  # noqa: S101 – the caller has asked
    made, images = shared.require_output("ecs"), shared.require_output("images")
    platform = EcsPlatform(
        cluster_arn=made["clusterArn"],
        cluster_name=made["clusterName"],
        namespace_arn=made["namespaceArn"],
        authority_arn=made["authorityArn"],
        tls_role_arn=made["tlsRoleArn"],
        service_group_id=made["serviceGroupId"],
        log_group=made["logGroup"],
        vpc_id=made["vpcId"],
        vpc_cidr=made["vpcCidr"],
        s3_prefix_list=made["s3PrefixList"],
        subnet_ids=made["subnetIds"],
        listener_arn=made["listenerArn"],
        balancer_suffix=made["balancerSuffix"],
        secrets_key=made["secretsKey"],
        alarm_topic=made["alarmTopic"],
        architecture=aws.cluster.architecture,
    )
    args = EcsTenantArgs(
        tenant=tenant.owner.tenant,
        scope=scope_of(environment, aws.model_copy(update={"cost_centre": tenant.owner.cost_centre})),
        platform=platform,
        spec=tenant.spec,
        agents=tenant.agents,
        runtime_image=images[RUNTIME],
        custom_hosts=tenant.custom_hosts,
    )
    provider = Provider("aws", region=aws.region, allowed_account_ids=[aws.account])
    EcsTenant(tenant.owner.tenant, args, pulumi.ResourceOptions(providers=[provider]))
