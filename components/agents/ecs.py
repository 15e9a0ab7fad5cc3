"""An agent on ECS with Fargate, made from the same manifest as one in a cluster.  (docs/ecs.md)"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import appautoscaling, cloudwatch, ec2, ecs, lb, vpc

from components.agents.ecs_task import PORT, Collector, Task, TaskArgs
from components.agents.manifest import AgentManifest
from components.aws import Scope, child
from components.cluster.ecs import MESH_PORT
from components.workload import refuse_other_than_digest
from groundwork.errors import UserError

COMPONENT = "agent"
# Fargate ends a container this long after it was asked to end, whatever it does.
LONGEST_STOP = 120
ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True, kw_only=True)
class EcsPlatform:
    """What the environment's stack made for its services; its output `ecs`."""

    cluster_arn: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    namespace_arn: pulumi.Input[str]
    authority_arn: pulumi.Input[str]
    tls_role_arn: pulumi.Input[str]
    service_group_id: pulumi.Input[str]
    log_group: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    vpc_cidr: pulumi.Input[str]
    s3_prefix_list: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    listener_arn: pulumi.Input[str]
    balancer_suffix: pulumi.Input[str]
    secrets_key: pulumi.Input[str]
    alarm_topic: pulumi.Input[str]
    architecture: str


@dataclass(frozen=True, kw_only=True)
class TokenIssuer:
    """Whose tokens open the way to an agent. `jwks_uri`: where its keys are."""

    issuer: str
    jwks_uri: str
    audiences: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class EcsAgentArgs:
    """What an agent needs beside its manifest.

    `image`, `runtime_image`: by digest; the second writes the manifest and secrets where the first reads them.
    `secrets`: the tenant's, name → ARN. `issuer`: None means that nobody comes in from outside. `suspended`: no task.
    """

    manifest: AgentManifest
    tenant: str
    scope: Scope
    platform: EcsPlatform
    image: pulumi.Input[str]
    runtime_image: pulumi.Input[str]
    host: str
    secrets: Mapping[str, pulumi.Input[str]]
    issuer: TokenIssuer | None = None
    collector: Collector | None = None
    suspended: bool = False

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
        missing = sorted({reference.secret for reference in spec.references()} - set(self.secrets))
        if missing:
            raise UserError(what=f"agent {name}: secret {missing[0]!r} has no place", allowed=", ".join(self.secrets))


class EcsAgent(pulumi.ComponentResource):
    """An agent that answers: its tasks, their scaling, name, identity, and who may reach them.  (docs/ecs.md)

    `url`: where the environment's other services reach it.
    """

    url: str

    def __init__(self, name: str, args: EcsAgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:agents:EcsAgent", name, None, opts)
        self._name, self._args, self._spec = name, args, args.manifest.spec
        self._physical = args.scope.name(f"{args.tenant}-{args.manifest.name}")
        self._tags = args.scope.tags(COMPONENT, tenant=args.tenant) | {
            "groundwork:agent": args.manifest.name,
            "groundwork:tier": self._spec.tier,
        }
        given = TaskArgs(
            manifest=args.manifest,
            tenant=args.tenant,
            scope=args.scope,
            physical=self._physical,
            tags=self._tags,
            image=args.image,
            runtime_image=args.runtime_image,
            secrets=args.secrets,
            secrets_key=args.platform.secrets_key,
            log_group=args.platform.log_group,
            architecture=args.platform.architecture,
            collector=args.collector,
        )
        task = Task(f"{name}-task", given, child(self))
        target = self._target() if args.issuer is not None else None
        rule = self._rule(target, args.issuer) if target is not None and args.issuer is not None else None
        service = self._service(task, self._group(), target, rule)
        self._scaling(service, target)
        self._alarms(service)
        self.url = f"http://{self._alias}"
        self.register_outputs({"url": self.url})

    @property
    def _alias(self) -> str:
        return f"{self._args.manifest.name}.{self._args.tenant}"

    def _group(self) -> ec2.SecurityGroup:
        """The agent's own: out to what its manifest declares. In comes by the services' common group alone."""
        group = ec2.SecurityGroup(
            self._name,
            name=self._physical,
            description="What the agent's manifest declares",
            vpc_id=self._args.platform.vpc_id,
            tags=self._tags | {"Name": self._physical},
            opts=child(self),
        )
        self._aws_services(group)
        for network, port in sorted({(_network(address.host), address.port) for address in self._spec.egress}):
            vpc.SecurityGroupEgressRule(
                f"{self._name}-{network.replace('/', '-')}-{port}",
                security_group_id=group.id,
                description="Declared in spec.egress",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                cidr_ipv4=network,
                tags=self._tags,
                opts=child(self),
            )
        return group

    def _aws_services(self, group: ec2.SecurityGroup) -> None:
        """To those that start a task and take its logs: by the network's endpoints, never by the internet."""
        platform = self._args.platform
        for short, network, prefixes in (("vpc", platform.vpc_cidr, None), ("s3", None, platform.s3_prefix_list)):
            vpc.SecurityGroupEgressRule(
                f"{self._name}-{short}",
                security_group_id=group.id,
                description=f"Endpoints: {short}",
                ip_protocol="tcp",
                from_port=443,
                to_port=443,
                cidr_ipv4=network,
                prefix_list_id=prefixes,
                tags=self._tags,
                opts=child(self),
            )

    def _target(self) -> lb.TargetGroup:
        digest = hashlib.sha256(self._physical.encode()).hexdigest()[:20]
        return lb.TargetGroup(
            self._name,
            # At most 32 characters, and no two the same.
            name=f"groundwork-{digest}",
            target_type="ip",
            port=PORT,
            protocol="HTTP",
            vpc_id=self._args.platform.vpc_id,
            deregistration_delay=math.ceil(self._spec.drain.total_seconds()),
            load_balancing_algorithm_type="least_outstanding_requests",
            # A session lives in the task that began it, as long as sessions are not shared.
            stickiness=lb.TargetGroupStickinessArgs(type="lb_cookie", enabled=True, cookie_duration=3600),
            health_check=lb.TargetGroupHealthCheckArgs(
                enabled=True,
                path="/readyz",
                matcher="200",
                interval=5,
                timeout=3,
                healthy_threshold=2,
                unhealthy_threshold=2,
            ),
            tags=self._tags,
            opts=child(self),
        )

    def _rule(self, target: lb.TargetGroup, issuer: TokenIssuer) -> lb.ListenerRule:
        """Only with a token of the tenant's issuer, for one of its audiences; with the path that the agent knows."""
        agent = self._args.manifest.name
        claim = lb.ListenerRuleActionJwtValidationAdditionalClaimArgs(
            format="single-string", name="aud", values=list(issuer.audiences)
        )
        checked = lb.ListenerRuleActionJwtValidationArgs(
            issuer=issuer.issuer, jwks_endpoint=issuer.jwks_uri, additional_claims=[claim]
        )
        refused = lb.ListenerRuleActionFixedResponseArgs(
            content_type="application/json",
            message_body='{"error":{"type":"suspended","message":"the tenant is suspended"}}',
            status_code="403",
        )
        last = (
            lb.ListenerRuleActionArgs(type="fixed-response", order=2, fixed_response=refused)
            if self._args.suspended
            else lb.ListenerRuleActionArgs(type="forward", order=2, target_group_arn=target.arn)
        )
        rewrite = lb.ListenerRuleTransformUrlRewriteConfigRewriteArgs(regex=f"^/agents/{agent}/(.*)$", replace="/$1")
        return lb.ListenerRule(
            self._name,
            listener_arn=self._args.platform.listener_arn,
            conditions=[
                lb.ListenerRuleConditionArgs(
                    host_header=lb.ListenerRuleConditionHostHeaderArgs(values=[self._args.host])
                ),
                lb.ListenerRuleConditionArgs(
                    path_pattern=lb.ListenerRuleConditionPathPatternArgs(values=[f"/agents/{agent}/*"])
                ),
            ],
            actions=[lb.ListenerRuleActionArgs(type="jwt-validation", order=1, jwt_validation=checked), last],
            transforms=[
                lb.ListenerRuleTransformArgs(
                    type="url-rewrite",
                    url_rewrite_config=lb.ListenerRuleTransformUrlRewriteConfigArgs(rewrite=rewrite),
                )
            ],
            tags=self._tags,
            opts=child(self),
        )

    def _service(
        self, task: Task, group: ec2.SecurityGroup, target: lb.TargetGroup | None, rule: lb.ListenerRule | None
    ) -> ecs.Service:
        platform, scaling = self._args.platform, self._spec.scaling
        balancers = (
            [ecs.ServiceLoadBalancerArgs(container_name="agent", container_port=PORT, target_group_arn=target.arn)]
            if target
            else None
        )
        return ecs.Service(
            self._name,
            name=f"{self._args.tenant}-{self._args.manifest.name}",
            cluster=platform.cluster_arn,
            task_definition=task.arn,
            desired_count=0 if self._args.suspended else scaling.min,
            platform_version="LATEST",
            availability_zone_rebalancing="ENABLED",
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker=ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            enable_execute_command=False,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            health_check_grace_period_seconds=60 if target else None,
            load_balancers=balancers,
            network_configuration=ecs.ServiceNetworkConfigurationArgs(
                subnets=platform.subnet_ids,
                security_groups=[group.id, platform.service_group_id],
                assign_public_ip=False,
            ),
            service_connect_configuration=self._connect(),
            wait_for_steady_state=True,
            tags=self._tags,
            # The count is the autoscaler's, but for a tenant that is suspended.
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*task.ready, *([rule] if rule is not None else [])],
                ignore_changes=[] if self._args.suspended or scaling.min == scaling.max else ["desiredCount"],
            ),
        )

    def _connect(self) -> ecs.ServiceServiceConnectConfigurationArgs:
        platform = self._args.platform
        issuer = ecs.ServiceServiceConnectConfigurationServiceTlsIssuerCertAuthorityArgs(
            aws_pca_authority_arn=platform.authority_arn
        )
        served = ecs.ServiceServiceConnectConfigurationServiceArgs(
            port_name="http",
            discovery_name=f"{self._args.tenant}-{self._args.manifest.name}",
            ingress_port_override=MESH_PORT,
            client_alias=[ecs.ServiceServiceConnectConfigurationServiceClientAliasArgs(port=80, dns_name=self._alias)],
            tls=ecs.ServiceServiceConnectConfigurationServiceTlsArgs(
                issuer_cert_authority=issuer, kms_key=platform.secrets_key, role_arn=platform.tls_role_arn
            ),
        )
        return ecs.ServiceServiceConnectConfigurationArgs(
            enabled=True, namespace=platform.namespace_arn, services=[served]
        )

    def _scaling(self, service: ecs.Service, target: lb.TargetGroup | None) -> None:
        scaling = self._spec.scaling
        if self._args.suspended or scaling.min == scaling.max:
            return
        place = pulumi.Output.concat("service/", self._args.platform.cluster_name, "/", service.name)
        scaled = appautoscaling.Target(
            self._name,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=place,
            min_capacity=scaling.min,
            max_capacity=scaling.max,
            tags=self._tags,
            opts=child(self),
        )
        self._policy("cpu", scaled, "ECSServiceAverageCPUUtilization", scaling.target_cpu_percent)
        if target is not None:
            label = pulumi.Output.concat(self._args.platform.balancer_suffix, "/", target.arn_suffix)
            wanted = self._spec.limits.requests_per_minute * scaling.target_cpu_percent / 100
            self._policy("requests", scaled, "ALBRequestCountPerTarget", wanted, label)

    def _alarms(self, service: ecs.Service) -> None:
        """What autoscaling could not mend: above it for ten minutes."""
        for short in ("CPU", "Memory"):
            cloudwatch.MetricAlarm(
                f"{self._name}-{short.lower()}",
                name=f"{self._physical}-{short.lower()}",
                alarm_description=f"{short} of {self._alias} is above 90 % (docs/runbooks/aws.md)",
                namespace="AWS/ECS",
                metric_name=f"{short}Utilization",
                dimensions={"ClusterName": self._args.platform.cluster_name, "ServiceName": service.name},
                statistic="Average",
                period=60,
                evaluation_periods=10,
                threshold=90,
                comparison_operator="GreaterThanThreshold",
                treat_missing_data="notBreaching",
                alarm_actions=[self._args.platform.alarm_topic],
                ok_actions=[self._args.platform.alarm_topic],
                tags=self._tags,
                opts=child(self),
            )

    def _policy(
        self,
        short: str,
        scaled: appautoscaling.Target,
        metric: str,
        wanted: float,
        label: pulumi.Input[str] | None = None,
    ) -> None:
        specification = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
            predefined_metric_type=metric, resource_label=label
        )
        appautoscaling.Policy(
            f"{self._name}-{short}",
            name=f"{self._physical}-{short}",
            policy_type="TargetTrackingScaling",
            service_namespace=scaled.service_namespace,
            scalable_dimension=scaled.scalable_dimension,
            resource_id=scaled.resource_id,
            target_tracking_scaling_policy_configuration=appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
                target_value=wanted,
                predefined_metric_specification=specification,
                scale_in_cooldown=300,
                scale_out_cooldown=30,
            ),
            opts=child(self),
        )


def _network(host: str) -> str:
    """What a security group can say of a host: an address itself; of a name, nothing but that it is somewhere."""
    try:
        return f"{ipaddress.IPv4Address(host)}/32"
    except ValueError:
        return ANYWHERE
