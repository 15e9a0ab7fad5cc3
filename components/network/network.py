"""A VPC over three zones, closed by default.  (docs/network.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import cloudwatch, ec2, iam

from components.aws import Scope, child, document, statement, trust
from components.network.endpoints import Endpoints, EndpointsArgs
from components.network.plan import Subnet, Tier, plan

COMPONENT = "network"
# Which way a load balancer of Kubernetes finds its subnets.
ROLE_TAGS: Mapping[Tier, dict[str, str]] = {
    Tier.PUBLIC: {"kubernetes.io/role/elb": "1"},
    Tier.PRIVATE: {"kubernetes.io/role/internal-elb": "1"},
    Tier.DATA: {},
}


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """What a network needs.

    `nat`: one gateway a zone, or one shared by all, which is cheaper and goes with its zone. `interface_endpoints`:
    services of AWS that are reached without leaving the network, such as `ecr.api`. `flow_log_days`: how long they are
    kept. `logs_key`: the KMS key of logs.
    """

    scope: Scope
    cidr: str
    zones: Sequence[str]
    nat: Literal["perZone", "shared"]
    interface_endpoints: Sequence[str]
    flow_log_days: int
    logs_key: pulumi.Input[str]

    def __post_init__(self) -> None:
        plan(self.cidr, self.zones)


class Network(pulumi.ComponentResource):
    """The VPC, its subnets by tier, and the ways in and out. `ready`: what must not be taken away before its users."""

    vpc_id: pulumi.Output[str]
    s3_prefix_list: pulumi.Output[str]
    subnets: Mapping[Tier, list[ec2.Subnet]]
    ready: list[pulumi.Resource]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:network:Network", name, None, opts)
        self._name, self._args = name, args
        self._vpc = ec2.Vpc(
            name,
            cidr_block=args.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags=self._tags("vpc"),
            opts=child(self),
        )
        self.vpc_id = self._vpc.id
        # Without rules: whoever names no group of its own reaches nobody.
        ec2.DefaultSecurityGroup(
            f"{name}-default", vpc_id=self._vpc.id, ingress=[], egress=[], tags=self._tags("closed"), opts=child(self)
        )
        self.subnets = self._subnets()
        routes = self._routes()
        endpoints = EndpointsArgs(
            scope=args.scope,
            vpc_id=self._vpc.id,
            cidr=args.cidr,
            subnet_ids=self.subnet_ids(Tier.PRIVATE),
            interfaces=args.interface_endpoints,
            route_table_ids=[table.id for table in self._tables.values()],
        )
        reached = Endpoints(f"{name}-endpoints", endpoints, child(self))
        self.s3_prefix_list = reached.s3_prefix_list
        self.ready = [*routes, reached]
        self._flow_log()
        self.register_outputs({"vpcId": self.vpc_id})

    def subnet_ids(self, tier: Tier) -> list[pulumi.Output[str]]:
        """In the order of the zones."""
        return [subnet.id for subnet in self.subnets[tier]]

    def _subnets(self) -> dict[Tier, list[ec2.Subnet]]:
        found: dict[Tier, list[ec2.Subnet]] = {tier: [] for tier in Tier}
        for planned in plan(self._args.cidr, self._args.zones):
            found[planned.tier].append(self._subnet(planned))
        return found

    def _subnet(self, planned: Subnet) -> ec2.Subnet:
        part = f"{planned.tier}-{planned.zone}"
        return ec2.Subnet(
            f"{self._name}-{part}",
            vpc_id=self._vpc.id,
            cidr_block=planned.network,
            availability_zone=planned.zone,
            map_public_ip_on_launch=False,
            tags=self._tags(part) | ROLE_TAGS[planned.tier],
            opts=child(self),
        )

    def _routes(self) -> list[pulumi.Resource]:
        """Public subnets by the internet gateway, private ones by NAT, data ones nowhere."""
        gateway = ec2.InternetGateway(self._name, vpc_id=self._vpc.id, tags=self._tags("internet"), opts=child(self))
        public = self._table("public")
        made: list[pulumi.Resource] = [
            ec2.Route(
                f"{self._name}-public",
                route_table_id=public.id,
                destination_cidr_block="0.0.0.0/0",
                gateway_id=gateway.id,
                opts=child(self),
            )
        ]
        made += [self._associate(public, subnet, "public", zone) for zone, subnet in self._by_zone(Tier.PUBLIC)]
        gateways = self._nat(gateway)
        self._tables = {"public": public}
        data = self._tables["data"] = self._table("data")
        made += [self._associate(data, subnet, "data", zone) for zone, subnet in self._by_zone(Tier.DATA)]
        for zone, subnet in self._by_zone(Tier.PRIVATE):
            table = self._tables[zone] = self._table(f"private-{zone}")
            route = ec2.Route(
                f"{self._name}-private-{zone}",
                route_table_id=table.id,
                destination_cidr_block="0.0.0.0/0",
                nat_gateway_id=gateways.get(zone, gateways[self._args.zones[0]]).id,
                opts=child(self),
            )
            made += [route, self._associate(table, subnet, "private", zone)]
        return made

    def _nat(self, gateway: ec2.InternetGateway) -> dict[str, ec2.NatGateway]:
        """Zone → its gateway; where one is shared, it stands in the first zone."""
        zones = self._args.zones if self._args.nat == "perZone" else self._args.zones[:1]
        found: dict[str, ec2.NatGateway] = {}
        for zone, subnet in zip(zones, self.subnets[Tier.PUBLIC], strict=False):
            address = ec2.Eip(
                f"{self._name}-nat-{zone}", domain="vpc", tags=self._tags(f"nat-{zone}"), opts=child(self, gateway)
            )
            found[zone] = ec2.NatGateway(
                f"{self._name}-{zone}",
                allocation_id=address.id,
                subnet_id=subnet.id,
                connectivity_type="public",
                tags=self._tags(f"nat-{zone}"),
                opts=child(self, gateway),
            )
        return found

    def _table(self, part: str) -> ec2.RouteTable:
        return ec2.RouteTable(f"{self._name}-{part}", vpc_id=self._vpc.id, tags=self._tags(part), opts=child(self))

    def _associate(self, table: ec2.RouteTable, subnet: ec2.Subnet, tier: str, zone: str) -> pulumi.Resource:
        return ec2.RouteTableAssociation(
            f"{self._name}-{tier}-{zone}", route_table_id=table.id, subnet_id=subnet.id, opts=child(self)
        )

    def _by_zone(self, tier: Tier) -> list[tuple[str, ec2.Subnet]]:
        return list(zip(self._args.zones, self.subnets[tier], strict=True))

    def _flow_log(self) -> None:
        """Every connection, accepted or refused, written by a role that may write to this group alone."""
        scope = self._args.scope
        group = cloudwatch.LogGroup(
            f"{self._name}-flow",
            name=f"/groundwork/{scope.environment}/flow",
            retention_in_days=self._args.flow_log_days,
            kms_key_id=self._args.logs_key,
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )
        role = iam.Role(
            f"{self._name}-flow",
            name=scope.name("flow-logs"),
            assume_role_policy=trust("vpc-flow-logs.amazonaws.com", account=scope.account),
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )
        own = scope.arn("logs", f"log-group:/groundwork/{scope.environment}/flow")
        actions = ("logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams")
        policy = iam.Policy(
            f"{self._name}-flow",
            name=scope.name("flow-logs"),
            policy=document(statement(actions, [own, f"{own}:*"])),
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )
        attached = iam.RolePolicyAttachment(
            f"{self._name}-flow", role=role.name, policy_arn=policy.arn, opts=child(self)
        )
        ec2.FlowLog(
            self._name,
            vpc_id=self._vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group.arn,
            iam_role_arn=role.arn,
            max_aggregation_interval=60,
            tags=self._tags("flow"),
            opts=child(self, attached),
        )

    def _tags(self, name: str) -> dict[str, str]:
        return self._args.scope.tags(COMPONENT, name=name)
