"""An agent on ECS with Fargate, made from the same manifest as one in a cluster.  (docs/ecs.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import ec2, ecs

from components.agents.ecs_channels import Inbox, reach
from components.agents.ecs_egress import way_out
from components.agents.ecs_ingress import BAKE_MINUTES, WayIn, refusal, way_in
from components.agents.ecs_platform import EcsPlatform, Frame, TokenIssuer, uses_database
from components.agents.ecs_scaling import alarms, scale
from components.agents.ecs_task import Task, TaskArgs, secret_paths
from components.agents.ecs_telemetry import Telemetry, tell
from components.agents.manifest import AgentManifest
from components.aws import Scope, child
from components.cluster.ecs import MESH_PORT
from components.data.tenant_users import TAG, TAGGED
from components.workload import refuse_other_than_digest
from groundwork.errors import UserError

COMPONENT = "agent"
# Fargate ends a container this long after it was asked to end, whatever it does.
LONGEST_STOP = 120


@dataclass(frozen=True, kw_only=True)
class EcsAgentArgs:
    """What an agent needs beside its manifest.

    `image`, `runtime_image`: by digest; the second writes the manifest and secrets where the first reads them. `hosts`:
    the tenant's names at the load balancer. `secrets`: the tenant's, path → ARN. `issuer`: None means that nobody comes
    in from outside. `suspended`: no task. `inbox`: its queue, where it subscribes to channels; `reached`: channel →
    queues of who subscribes. `after`: what its service waits for.
    """

    manifest: AgentManifest
    tenant: str
    scope: Scope
    platform: EcsPlatform
    image: pulumi.Input[str]
    runtime_image: pulumi.Input[str]
    hosts: Sequence[str]
    secrets: Mapping[str, pulumi.Input[str]]
    telemetry: Telemetry
    issuer: TokenIssuer | None = None
    suspended: bool = False
    inbox: Inbox | None = None
    reached: Mapping[str, Sequence[Inbox]] = field(default_factory=dict)
    after: Sequence[pulumi.Resource] = ()

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)
        refuse_other_than_digest(self.runtime_image)
        name, spec = self.manifest.name, self.manifest.spec
        if spec.memory.sessions.store != "local":
            what = f"agent {name}: spec.memory.sessions.store: no environment has Redis for agents yet"
            raise UserError(what=what, allowed="local")
        if spec.drain.total_seconds() > LONGEST_STOP:
            what = f"agent {name}: spec.drain: {spec.drain.total_seconds():.0f}s is more than Fargate waits"
            raise UserError(what=what, allowed=f"at most {LONGEST_STOP}s on ECS")
        users = [key for key, secret in spec.secrets.items() if secret.database is not None]
        if users and self.platform.database is None:
            what = f"agent {name}: spec.secrets.{users[0]}.database: this environment makes no users of RDS"
            raise UserError(what=what, fix="groundwork:secrets: {postgres: rds}, and bring the environment up")
        missing = sorted(set(secret_paths(spec)) - set(self.secrets))
        if missing:
            raise UserError(what=f"agent {name}: secret {missing[0]!r} has no place", allowed=", ".join(self.secrets))


class EcsAgent(pulumi.ComponentResource):
    """An agent that answers: its tasks, their scaling, name, identity, and who may reach them.  (docs/ecs.md)

    `url`: where the environment's other services reach it.
    """

    url: str

    def __init__(self, name: str, args: EcsAgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:agents:EcsAgent", name, None, opts)
        self._args, self._spec = args, args.manifest.spec
        physical = args.scope.name(f"{args.tenant}-{args.manifest.name}")
        tags = args.scope.tags(COMPONENT, tenant=args.tenant) | {
            "groundwork:agent": args.manifest.name,
            "groundwork:tier": self._spec.tier,
        }
        if uses_database(self._spec):
            tags[TAG] = TAGGED
        self._frame = frame = Frame(
            name=name,
            physical=physical,
            tenant=args.tenant,
            manifest=args.manifest,
            platform=args.platform,
            tags=tags,
            parent=self,
        )
        task = Task(f"{name}-task", self._task(), child(self))
        reach(frame, task.identity, args.inbox, args.reached)
        tell(frame, task.identity, args.scope, watched=not args.suspended)
        service = self._service(task, way_out(frame), self._way_in())
        alarms(frame, service)
        self.url = f"http://{frame.alias}"
        self.register_outputs({"url": self.url})

    def _task(self) -> TaskArgs:
        args, frame = self._args, self._frame
        return TaskArgs(
            manifest=args.manifest,
            tenant=args.tenant,
            scope=args.scope,
            physical=frame.physical,
            tags=frame.tags,
            image=args.image,
            runtime_image=args.runtime_image,
            secrets=args.secrets,
            secrets_key=args.platform.secrets_key,
            log_group=args.platform.log_group,
            architecture=args.platform.architecture,
            metrics_group=args.platform.metrics_group,
            telemetry=args.telemetry,
            inbox=args.inbox,
            reached=args.reached,
        )

    def _way_in(self) -> WayIn | None:
        args = self._args
        if args.issuer is None:
            return None
        if args.suspended:
            refusal(self._frame, args.hosts, args.issuer)
            return None
        return way_in(self._frame, args.hosts, args.issuer)

    def _service(self, task: Task, group: ec2.SecurityGroup, way: WayIn | None) -> ecs.Service:
        """Blue-green where the load balancer leads to it: two versions never answer beside each other."""
        args, platform, scaling = self._args, self._args.platform, self._spec.scaling
        scales = not args.suspended and scaling.min != scaling.max
        service = ecs.Service(
            self._frame.name,
            name=f"{args.tenant}-{args.manifest.name}",
            cluster=platform.cluster_arn,
            task_definition=task.arn,
            desired_count=0 if args.suspended else scaling.min,
            platform_version="LATEST",
            availability_zone_rebalancing="ENABLED",
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker=ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            deployment_configuration=ecs.ServiceDeploymentConfigurationArgs(
                strategy="BLUE_GREEN", bake_time_in_minutes=str(BAKE_MINUTES)
            )
            if way
            else None,
            alarms=ecs.ServiceAlarmsArgs(enable=True, rollback=True, alarm_names=list(way.alarms)) if way else None,
            enable_execute_command=False,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            health_check_grace_period_seconds=60 if way else None,
            load_balancers=way.balancers(platform.balancer_role_arn) if way else None,
            network_configuration=ecs.ServiceNetworkConfigurationArgs(
                subnets=platform.subnet_ids,
                security_groups=[group.id, platform.service_group_id],
                assign_public_ip=False,
            ),
            service_connect_configuration=self._connect(),
            wait_for_steady_state=True,
            tags=dict(self._frame.tags),
            # The count is the autoscaler's, but for a tenant that is suspended.
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*task.ready, *args.after, *([way.rule] if way else [])],
                ignore_changes=["desiredCount"] if scales else [],
            ),
        )
        if scales:
            scale(self._frame, service, way, args.inbox.name if args.inbox is not None else None)
        return service

    def _connect(self) -> ecs.ServiceServiceConnectConfigurationArgs:
        platform = self._args.platform
        issuer = ecs.ServiceServiceConnectConfigurationServiceTlsIssuerCertAuthorityArgs(
            aws_pca_authority_arn=platform.authority_arn
        )
        served = ecs.ServiceServiceConnectConfigurationServiceArgs(
            port_name="http",
            discovery_name=f"{self._args.tenant}-{self._args.manifest.name}",
            ingress_port_override=MESH_PORT,
            client_alias=[
                ecs.ServiceServiceConnectConfigurationServiceClientAliasArgs(port=80, dns_name=self._frame.alias)
            ],
            tls=ecs.ServiceServiceConnectConfigurationServiceTlsArgs(
                issuer_cert_authority=issuer, kms_key=platform.secrets_key, role_arn=platform.tls_role_arn
            ),
        )
        return ecs.ServiceServiceConnectConfigurationArgs(
            enabled=True, namespace=platform.namespace_arn, services=[served]
        )
