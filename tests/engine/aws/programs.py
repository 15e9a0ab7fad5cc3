"""Small programs for the AWS plugin's suite."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import pulumi

from components.agents.ecs_platform import EcsPlatform
from components.aws import Scope
from tests.engine.aws.bench import REGION

if TYPE_CHECKING:
    from pulumi_aws import ec2, lb

POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
        ],
    }
)


def network(*, retention: int = 14, tag: str = "one", cidr: str = "10.0.0.0/16") -> Callable[[], None]:
    """A network, a role, a group of logs and a secret value; each argument changes one thing."""

    def program() -> None:
        from pulumi_aws import cloudwatch, ec2, iam, sqs

        vpc = ec2.Vpc("net", cidr_block=cidr, enable_dns_hostnames=True, tags={"tag": tag})
        for index, zone in enumerate("ab"):
            ec2.Subnet(
                f"net-{zone}",
                vpc_id=vpc.id,
                cidr_block=f"{cidr.removesuffix('.0.0/16')}.{index}.0/24",
                availability_zone=f"eu-west-1{zone}",
            )
        group = ec2.SecurityGroup("closed", vpc_id=vpc.id, description="nothing goes out")
        logs = cloudwatch.LogGroup("logs", retention_in_days=retention)
        role = iam.Role("task", assume_role_policy=POLICY)
        hidden = pulumi.Output.secret("hush-hush-hush")
        sqs.Queue("work", message_retention_seconds=3600, tags={"hidden": hidden})
        pulumi.export("vpc", vpc.id)
        pulumi.export("group", group.id)
        pulumi.export("logs", logs.name)
        pulumi.export("role", role.arn)

    return program


class Front(NamedTuple):
    """A load balancer in a network of its own. `refuses`: what a listener does by default."""

    vpc: ec2.Vpc
    subnets: list[ec2.Subnet]
    balancer: lb.LoadBalancer
    refuses: lb.ListenerDefaultActionArgs


def front() -> Front:
    """Declare it."""
    from pulumi_aws import ec2, lb

    vpc = ec2.Vpc("net", cidr_block="10.0.0.0/16")
    subnets = [
        ec2.Subnet(zone, vpc_id=vpc.id, cidr_block=f"10.0.{index}.0/24", availability_zone=f"{REGION}{zone}")
        for index, zone in enumerate("ab")
    ]
    balancer = lb.LoadBalancer("edge", name="edge", internal=True, subnets=[each.id for each in subnets])
    fixed = lb.ListenerDefaultActionFixedResponseArgs(content_type="text/plain", status_code="404")
    refuses = lb.ListenerDefaultActionArgs(type="fixed-response", fixed_response=fixed)
    return Front(vpc, subnets, balancer, refuses)


def services(scope: Scope) -> EcsPlatform:
    """What services on ECS stand on, as an environment's stack makes it."""
    from pulumi_aws import ec2, ecs, lb, sns

    vpc, subnets, balancer, refuses = front()
    group = ec2.SecurityGroup("services", name="services", description="services", vpc_id=vpc.id)
    listener = lb.Listener(
        "edge",
        load_balancer_arn=balancer.arn,
        port=80,
        protocol="HTTP",
        default_actions=[refuses],
    )
    cluster = ecs.Cluster("cluster", name="services")
    topic = sns.Topic("alarms", name="alarms")
    role = scope.arn("iam", "role/given", region="")
    return EcsPlatform(
        cluster_arn=cluster.arn, cluster_name=cluster.name,
        namespace_arn=scope.arn("servicediscovery", "namespace/ns-1"),
        authority_arn=scope.arn("acm-pca", "certificate-authority/one"), tls_role_arn=role, service_group_id=group.id,
        log_group="/groundwork/ecs/services", metrics_group="/groundwork/ecs/metrics",
        vpc_id=vpc.id, vpc_cidr="10.0.0.0/16", s3_prefix_list="pl-12345678",
        subnet_ids=[each.id for each in subnets], listener_arn=listener.arn,
        balancer_suffix=balancer.arn_suffix, secrets_key=scope.arn("kms", "key/one"), alarm_topic=topic.arn,
        balancer_role_arn=role, architecture="ARM64",
    )  # fmt: skip


def many() -> None:
    """A dozen resources that need each other, to be interrupted in the middle."""
    from pulumi_aws import cloudwatch, ec2, iam, kms, route53, s3

    vpc = ec2.Vpc("net", cidr_block="10.0.0.0/16", tags={"of": "many"})
    subnet = ec2.Subnet("net-a", vpc_id=vpc.id, cidr_block="10.0.0.0/24", availability_zone="eu-west-1a")
    table = ec2.RouteTable("routes", vpc_id=vpc.id)
    ec2.RouteTableAssociation("routes-a", route_table_id=table.id, subnet_id=subnet.id)
    gateway = ec2.InternetGateway("out", vpc_id=vpc.id)
    ec2.Route("out", route_table_id=table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
    key = kms.Key("key", description="many", enable_key_rotation=True, tags={"of": "many"})
    kms.Alias("key", name="alias/many", target_key_id=key.key_id)
    cloudwatch.LogGroup("logs", name="many", retention_in_days=7)
    iam.Role("role", name="many", assume_role_policy=POLICY)
    bucket = s3.Bucket("store", bucket="many-things")
    s3.BucketPublicAccessBlock("store", bucket=bucket.id, block_public_acls=True, block_public_policy=True)
    route53.Zone("zone", name="many.example")
