"""From the load balancer to the services on ECS.  (docs/ecs.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import vpc

from components.aws import Scope, child

COMPONENT = "edge"
PORT = 8080


@dataclass(frozen=True, kw_only=True)
class ServiceAccessArgs:
    """The two security groups that are opened to each other."""

    scope: Scope
    balancer_group_id: pulumi.Input[str]
    service_group_id: pulumi.Input[str]


class ServiceAccess(pulumi.ComponentResource):
    """The load balancer reaches services on their port, and nothing else."""

    def __init__(self, name: str, args: ServiceAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:edge:ServiceAccess", name, None, opts)
        tags = args.scope.tags(COMPONENT)
        vpc.SecurityGroupEgressRule(
            name,
            security_group_id=args.balancer_group_id,
            description="To services",
            ip_protocol="tcp",
            from_port=PORT,
            to_port=PORT,
            referenced_security_group_id=args.service_group_id,
            tags=tags,
            opts=child(self),
        )
        vpc.SecurityGroupIngressRule(
            name,
            security_group_id=args.service_group_id,
            description="From the load balancer",
            ip_protocol="tcp",
            from_port=PORT,
            to_port=PORT,
            referenced_security_group_id=args.balancer_group_id,
            tags=tags,
            opts=child(self),
        )
        self.register_outputs({})
