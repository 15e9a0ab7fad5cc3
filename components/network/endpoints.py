"""Services of AWS, reached without leaving the network.  (docs/network.md)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, vpc

from components.aws import Scope, child
from components.network.services import GATEWAYS, INTERFACES
from groundwork.errors import UserError

COMPONENT = "network"


@dataclass(frozen=True, kw_only=True)
class EndpointsArgs:
    """`subnet_ids`: where the interfaces stand; `route_table_ids`: those that lead to the gateways."""

    scope: Scope
    vpc_id: pulumi.Input[str]
    cidr: str
    subnet_ids: Sequence[pulumi.Input[str]]
    interfaces: Sequence[str]
    route_table_ids: Sequence[pulumi.Input[str]]

    def __post_init__(self) -> None:
        unknown = [name for name in self.interfaces if name not in INTERFACES]
        if unknown:
            raise UserError(what=f"interface_endpoints: {unknown[0]!r} is none", allowed=", ".join(INTERFACES))


class Endpoints(pulumi.ComponentResource):
    """Gateway endpoints for S3 and DynamoDB, interface endpoints for the rest, by HTTPS from the VPC."""

    s3_prefix_list: pulumi.Output[str]

    def __init__(self, name: str, args: EndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:network:Endpoints", name, None, opts)
        scope = args.scope
        for service in GATEWAYS:
            gateway = ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=args.vpc_id,
                service_name=f"com.amazonaws.{scope.region}.{service}",
                vpc_endpoint_type="Gateway",
                route_table_ids=list(args.route_table_ids),
                tags=scope.tags(COMPONENT, name=service),
                opts=child(self),
            )
            if service == "s3":
                self.s3_prefix_list = gateway.prefix_list_id
        if args.interfaces:
            group = self._group(name, args)
        for service in args.interfaces:
            ec2.VpcEndpoint(
                f"{name}-{service}",
                vpc_id=args.vpc_id,
                service_name=f"com.amazonaws.{scope.region}.{service}",
                vpc_endpoint_type="Interface",
                private_dns_enabled=True,
                subnet_ids=list(args.subnet_ids),
                security_group_ids=[group.id],
                tags=scope.tags(COMPONENT, name=service),
                opts=child(self),
            )
        self.register_outputs({})

    def _group(self, name: str, args: EndpointsArgs) -> ec2.SecurityGroup:
        tags = args.scope.tags(COMPONENT, name="endpoints")
        group = ec2.SecurityGroup(
            name,
            name=args.scope.name("endpoints"),
            description="Interface endpoints: HTTPS from the VPC",
            vpc_id=args.vpc_id,
            tags=tags,
            opts=child(self),
        )
        vpc.SecurityGroupIngressRule(
            name,
            security_group_id=group.id,
            description="HTTPS from the VPC",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4=args.cidr,
            tags=tags,
            opts=child(self),
        )
        return group
