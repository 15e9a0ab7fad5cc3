"""From the load balancer to the gateway that runs in EKS.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import autoscaling, eks, lb, vpc

from components.aws import Scope, child
from components.gateway.gateway import NODE_PORTS

COMPONENT = "edge"
DRAIN_SECONDS = 60


@dataclass(frozen=True, kw_only=True)
class GatewayTargetArgs:
    """`hosts`: names that lead to the gateway. `node_groups`: whose nodes take requests, by their names."""

    scope: Scope
    vpc_id: pulumi.Input[str]
    listener_arn: pulumi.Input[str]
    balancer_group_id: pulumi.Input[str]
    node_group_id: pulumi.Input[str]
    hosts: Sequence[str]
    node_groups: Mapping[str, eks.NodeGroup]


class GatewayTarget(pulumi.ComponentResource):
    """A target group over all nodes, by TLS to the gateway's port; open between the two and to nobody else.

    The nodes are the node groups' own auto-scaling groups: no controller in the cluster has to add them.
    """

    arn: pulumi.Output[str]
    arn_suffix: pulumi.Output[str]

    def __init__(self, name: str, args: GatewayTargetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:edge:GatewayTarget", name, None, opts)
        self._name, self._args = name, args
        target = self._target()
        lb.ListenerRule(
            name,
            listener_arn=args.listener_arn,
            priority=10,
            conditions=[
                lb.ListenerRuleConditionArgs(
                    host_header=lb.ListenerRuleConditionHostHeaderArgs(values=list(args.hosts))
                )
            ],
            actions=[lb.ListenerRuleActionArgs(type="forward", target_group_arn=target.arn)],
            tags=args.scope.tags(COMPONENT),
            opts=child(self),
        )
        for short, group in args.node_groups.items():
            autoscaling.Attachment(
                f"{name}-{short}",
                autoscaling_group_name=group.resources[0].autoscaling_groups[0].name,
                lb_target_group_arn=target.arn,
                opts=child(self),
            )
        self._rules()
        self.arn, self.arn_suffix = target.arn, target.arn_suffix
        self.register_outputs({})

    def _target(self) -> lb.TargetGroup:
        scope = self._args.scope
        return lb.TargetGroup(
            self._name,
            name=scope.name("gateway"),
            target_type="instance",
            port=NODE_PORTS["https"],
            protocol="HTTPS",
            protocol_version="HTTP1",
            vpc_id=self._args.vpc_id,
            deregistration_delay=DRAIN_SECONDS,
            load_balancing_algorithm_type="least_outstanding_requests",
            health_check=lb.TargetGroupHealthCheckArgs(
                enabled=True,
                protocol="HTTP",
                port=str(NODE_PORTS["status"]),
                path="/healthz/ready",
                matcher="200",
                interval=10,
                timeout=5,
                healthy_threshold=2,
                unhealthy_threshold=2,
            ),
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )

    def _rules(self) -> None:
        args = self._args
        tags = args.scope.tags(COMPONENT)
        for part, port in NODE_PORTS.items():
            vpc.SecurityGroupEgressRule(
                f"{self._name}-{part}",
                security_group_id=args.balancer_group_id,
                description=f"To the gateway: {part}",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                referenced_security_group_id=args.node_group_id,
                tags=tags,
                opts=child(self),
            )
            vpc.SecurityGroupIngressRule(
                f"{self._name}-{part}",
                security_group_id=args.node_group_id,
                description=f"From the load balancer: {part}",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                referenced_security_group_id=args.balancer_group_id,
                tags=tags,
                opts=child(self),
            )
