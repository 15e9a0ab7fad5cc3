"""The load balancer of an environment: TLS ends here, and nothing is answered that no rule knows.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import ec2, lb, vpc

from components.aws import Scope, child
from components.edge.firewall import Firewall, FirewallArgs, TenantRate
from components.edge.logs import LogBucket, LogBucketArgs

COMPONENT = "edge"
# TLS 1.3, 1.2 with forward secrecy, and key exchange that a quantum computer does not undo: what AWS recommends in
# "Security policies for your Application Load Balancer".
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
IDLE_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """What it needs.

    `subnet_ids`: public ones, or private for one that is internal. `networks`: who may come. `certificate`: the ARN of
    the certificate for names that no other has. `health_host`: a name at which it answers by itself. `tenants`: as in
    FirewallArgs.
    """

    scope: Scope
    vpc_id: pulumi.Input[str]
    subnet_ids: Sequence[pulumi.Input[str]]
    certificate: pulumi.Input[str]
    health_host: str
    internal: bool
    networks: Sequence[str]
    rate: int
    bot_control: bool
    log_days: int
    logs_key: pulumi.Input[str]
    deletion_protection: bool
    tenants: Mapping[str, TenantRate] = field(default_factory=dict)


class LoadBalancer(pulumi.ComponentResource):
    """`listener_arn`: where rules are added; `security_group_id`: what targets let in."""

    arn: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]
    dns_name: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    listener_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    listener: lb.Listener

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:edge:LoadBalancer", name, None, opts)
        self._name, self._args = name, args
        group = self._group()
        balancer = self._balancer(group)
        self.listener = self._listeners(balancer)
        self.arn, self.arn_suffix = balancer.arn, balancer.arn_suffix
        self.dns_name, self.zone_id = balancer.dns_name, balancer.zone_id
        self.listener_arn, self.security_group_id = self.listener.arn, group.id
        firewall = FirewallArgs(
            scope=args.scope,
            load_balancer_arn=balancer.arn,
            rate=args.rate,
            bot_control=args.bot_control,
            log_days=args.log_days,
            logs_key=args.logs_key,
            tenants=args.tenants,
        )
        Firewall(f"{name}-firewall", firewall, child(self))
        self.register_outputs({"dnsName": self.dns_name})

    def _group(self) -> ec2.SecurityGroup:
        args = self._args
        tags = args.scope.tags(COMPONENT, name="edge")
        group = ec2.SecurityGroup(
            self._name,
            name=args.scope.name("edge"),
            description="HTTP and HTTPS in; out to its targets only",
            vpc_id=args.vpc_id,
            tags=tags,
            opts=child(self),
        )
        for port in (80, 443):
            for index, network in enumerate(args.networks):
                vpc.SecurityGroupIngressRule(
                    f"{self._name}-{port}-{index}",
                    security_group_id=group.id,
                    description=f"Port {port} from {network}",
                    ip_protocol="tcp",
                    from_port=port,
                    to_port=port,
                    cidr_ipv4=network,
                    tags=tags,
                    opts=child(self),
                )
        return group

    def _balancer(self, group: ec2.SecurityGroup) -> lb.LoadBalancer:
        args = self._args
        # A name that only this account can have: bucket names are the world's.
        bucket = f"{args.scope.name('edge-logs')}-{args.scope.account}"
        logs = LogBucket(
            f"{self._name}-logs", LogBucketArgs(scope=args.scope, bucket=bucket, days=args.log_days), child(self)
        )
        return lb.LoadBalancer(
            self._name,
            name=args.scope.name("edge"),
            load_balancer_type="application",
            internal=args.internal,
            subnets=list(args.subnet_ids),
            security_groups=[group.id],
            drop_invalid_header_fields=True,
            desync_mitigation_mode="defensive",
            preserve_host_header=True,
            enable_http2=True,
            idle_timeout=IDLE_SECONDS,
            enable_deletion_protection=args.deletion_protection,
            access_logs=lb.LoadBalancerAccessLogsArgs(bucket=logs.bucket, enabled=True),
            tags=args.scope.tags(COMPONENT),
            opts=child(self, *logs.ready),
        )

    def _listeners(self, balancer: lb.LoadBalancer) -> lb.Listener:
        tags = self._args.scope.tags(COMPONENT)
        redirect = lb.ListenerDefaultActionRedirectArgs(port="443", protocol="HTTPS", status_code="HTTP_301")
        lb.Listener(
            f"{self._name}-http",
            load_balancer_arn=balancer.arn,
            port=80,
            protocol="HTTP",
            default_actions=[lb.ListenerDefaultActionArgs(type="redirect", redirect=redirect)],
            tags=tags,
            opts=child(self),
        )
        refused = lb.ListenerDefaultActionFixedResponseArgs(
            content_type="application/json",
            message_body='{"error":{"type":"not_found","message":"no such name"}}',
            status_code="404",
        )
        listener = lb.Listener(
            f"{self._name}-https",
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy=TLS_POLICY,
            certificate_arn=self._args.certificate,
            default_actions=[lb.ListenerDefaultActionArgs(type="fixed-response", fixed_response=refused)],
            tags=tags,
            opts=child(self),
        )
        lb.ListenerRule(
            f"{self._name}-health",
            listener_arn=listener.arn,
            priority=1,
            conditions=[
                lb.ListenerRuleConditionArgs(
                    host_header=lb.ListenerRuleConditionHostHeaderArgs(values=[self._args.health_host])
                )
            ],
            actions=[
                lb.ListenerRuleActionArgs(
                    type="fixed-response",
                    fixed_response=lb.ListenerRuleActionFixedResponseArgs(
                        content_type="text/plain", message_body="up", status_code="200"
                    ),
                )
            ],
            tags=tags,
            opts=child(self),
        )
        return listener
