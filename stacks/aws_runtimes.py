"""What an AWS environment has because of where its containers run: EKS, or ECS.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pulumi

from components.aws import Scope
from components.cluster.ecs import Ecs
from components.cluster.eks import Eks
from components.cluster.storage import StorageClasses, StorageClassesArgs
from components.data.backup import TAG as BACKUP
from components.data.rds import Postgres
from components.data.users import DatabaseUsers, DatabaseUsersArgs
from components.edge.gateway_target import GatewayTarget, GatewayTargetArgs
from components.edge.load_balancer import LoadBalancer
from components.edge.service_access import ServiceAccess, ServiceAccessArgs
from components.network.network import Network
from components.network.plan import Tier
from components.observability.aws import Graph, LogWatch, Watch
from components.secrets.snapshot_store import SnapshotStore, SnapshotStoreArgs
from components.secrets.unsealing import Unsealing, UnsealingArgs
from local.record import Way
from stacks.aws_settings import AwsSettings, EcsSettings, GatewaySettings, MeshSettings
from stacks.aws_watches import ecs_graphs, ecs_logs, eks_logs, target_watches
from stacks.environment import cluster as cluster_provider
from stacks.environment import find_way, given_kubeconfig
from stacks.settings import Settings
from stacks.shared import Shared, Sizes


@dataclass(frozen=True, kw_only=True)
class Site:
    """What both have below them. `opts`: with the region's provider."""

    environment: str
    settings: Settings
    aws: AwsSettings
    images: Mapping[str, str]
    scope: Scope
    keys: Mapping[str, pulumi.Input[str]]
    network: Network
    balancer: LoadBalancer
    topic: pulumi.Input[str]
    opts: pulumi.ResourceOptions


@dataclass(frozen=True, kw_only=True)
class Running:
    """What is to be watched, and what tenants' stacks read. `balancer`: of the load balancer, beside what all have."""

    watches: Mapping[str, Watch]
    logs: Mapping[str, LogWatch]
    outputs: Mapping[str, pulumi.Input[object]]
    graphs: Mapping[str, Graph] = field(default_factory=dict)
    balancer: Mapping[str, pulumi.Input[object]] = field(default_factory=dict)


def on_eks(site: Site, cluster: Eks) -> Running:
    """The way from the load balancer to the gateway, and the platform as on every cluster."""
    target = GatewayTargetArgs(
        scope=site.scope,
        vpc_id=site.network.vpc_id,
        listener_arn=site.balancer.listener_arn,
        balancer_group_id=site.balancer.security_group_id,
        node_group_id=cluster.security_group_id,
        hosts=[f"*.{site.settings.domain}"],
        node_groups={short: group.group for short, group in cluster.node_groups.items()},
    )
    into = GatewayTarget("gateway-target", target, site.opts)
    if "secrets" in site.settings.layers:
        Unsealing("unsealing", UnsealingArgs(scope=site.scope, cluster_name=cluster.name), site.opts)
        kept = site.settings.secrets.snapshots
        if kept is not None:
            store = SnapshotStoreArgs(
                scope=site.scope, cluster_name=cluster.name, keep_days=kept.keep_days, lock_days=kept.lock_days
            )
            SnapshotStore("snapshots", store, site.opts)
    _platform(site, cluster)
    return Running(
        watches=target_watches(site.balancer.arn_suffix, into.arn_suffix),
        logs=eks_logs(cluster.log_group),
        outputs={"kubeconfig": cluster.kubeconfig},
        balancer={"targetArn": into.arn},
    )


def _platform(site: Site, cluster: Eks) -> None:
    """Mesh, gateway, access and domains, with this environment's sizes. Nothing of it is there without nodes."""
    mesh, gateway = site.aws.mesh or MeshSettings(), site.aws.gateway or GatewaySettings()
    given = given_kubeconfig()
    provider = cluster_provider(given or cluster.kubeconfig)
    opts = pulumi.ResourceOptions(provider=provider, depends_on=cluster.ready)
    tags = site.scope.tags("storage") | {BACKUP: "daily"}
    storage = StorageClassesArgs(environment=site.environment, key=site.keys["data"], tags=tags)
    StorageClasses("storage", storage, opts)
    Shared(
        environment=site.environment,
        domain=site.settings.domain,
        dns=site.settings.dns,
        images=site.images,
        way=find_way(given) if given else Way.KUBECONFIG,
        sizes=Sizes(
            istiod=mesh.replicas,
            mesh_mode=mesh.mode,
            gateway=gateway.replicas,
            gateway_max=gateway.max_replicas,
            access=max(2, mesh.replicas),
            behind_balancer=True,
        ),
    ).declare(opts)


def on_ecs(site: Site, cluster: Ecs, database: Postgres) -> Running:
    """The way from the load balancer to services; tenants' stacks put those in."""
    access = ServiceAccessArgs(
        scope=site.scope,
        balancer_group_id=site.balancer.security_group_id,
        service_group_id=cluster.security_group_id,
    )
    ServiceAccess("service-access", access, site.opts)
    outputs: dict[str, pulumi.Input[object]] = {
        "clusterArn": cluster.arn,
        "clusterName": cluster.name,
        "namespaceArn": cluster.namespace_arn,
        "authorityArn": cluster.authority_arn,
        "tlsRoleArn": cluster.tls_role_arn,
        "serviceGroupId": cluster.security_group_id,
        "logGroup": cluster.log_group,
        "metricsGroup": cluster.metrics_group,
        "vpcId": site.network.vpc_id,
        "vpcCidr": site.aws.network.cidr,
        "s3PrefixList": site.network.s3_prefix_list,
        "subnetIds": site.network.subnet_ids(Tier.PRIVATE),
        "listenerArn": site.balancer.listener_arn,
        "balancerSuffix": site.balancer.arn_suffix,
        "secretsKey": site.keys["secrets"],
        "alarmTopic": site.topic,
        "balancerRoleArn": cluster.balancer_role_arn,
    }
    if site.settings.secrets.postgres == "rds":
        outputs |= {
            "databaseFunctionArn": _users(site, cluster, database),
            "databaseGroupId": database.security_group_id,
        }
    return Running(
        watches={}, logs=ecs_logs(cluster.log_group), graphs=ecs_graphs(site.environment), outputs={"ecs": outputs}
    )


def _users(site: Site, cluster: Ecs, database: Postgres) -> pulumi.Output[str]:
    """What makes tenants' users in the database: its ARN."""
    assert isinstance(site.aws.cluster, EcsSettings)  # noqa: S101 – the caller has asked
    args = DatabaseUsersArgs(
        scope=site.scope,
        vpc_id=site.network.vpc_id,
        vpc_cidr=site.aws.network.cidr,
        subnet_ids=site.network.subnet_ids(Tier.PRIVATE),
        address=database.address,
        group_id=database.security_group_id,
        secret_arn=database.secret_arn,
        key=site.keys["secrets"],
        cluster_name=cluster.name,
        log_group=cluster.log_group,
        alarm_topic=site.topic,
        architecture=site.aws.cluster.architecture,
    )
    return DatabaseUsers("database-users", args, site.opts).arn
