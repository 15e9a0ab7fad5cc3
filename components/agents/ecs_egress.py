"""The way out of an agent on ECS.  (docs/ecs.md)"""

from __future__ import annotations

import ipaddress

from pulumi_aws import ec2, vpc

from components.agents.ecs_platform import Frame
from components.aws import child
from components.data.names import POSTGRES_PORT

ANYWHERE = "0.0.0.0/0"


def way_out(frame: Frame) -> ec2.SecurityGroup:
    """The agent's own group: out to what its manifest declares. In comes by the services' common group alone."""
    group = ec2.SecurityGroup(
        frame.name,
        name=frame.physical,
        description="What the agent's manifest declares",
        vpc_id=frame.platform.vpc_id,
        tags={**frame.tags, "Name": frame.physical},
        opts=child(frame.parent),
    )
    _aws_services(frame, group)
    for network, port in sorted({(_network(address.host), address.port) for address in frame.spec.egress}):
        vpc.SecurityGroupEgressRule(
            f"{frame.name}-{network.replace('/', '-')}-{port}",
            security_group_id=group.id,
            description="Declared in spec.egress",
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            cidr_ipv4=network,
            tags=dict(frame.tags),
            opts=child(frame.parent),
        )
    _database(frame, group)
    return group


def _database(frame: Frame, group: ec2.SecurityGroup) -> None:
    """The database lets in all services; who has no user of it has no way to it either."""
    database = frame.platform.database
    if database is None or not frame.uses_database:
        return
    vpc.SecurityGroupEgressRule(
        f"{frame.name}-database",
        security_group_id=group.id,
        description="spec.secrets names a database",
        ip_protocol="tcp",
        from_port=POSTGRES_PORT,
        to_port=POSTGRES_PORT,
        referenced_security_group_id=database.group_id,
        tags=dict(frame.tags),
        opts=child(frame.parent),
    )


def _aws_services(frame: Frame, group: ec2.SecurityGroup) -> None:
    """To those that start a task and take its logs: by the network's endpoints, never by the internet."""
    platform = frame.platform
    for short, network, prefixes in (("vpc", platform.vpc_cidr, None), ("s3", None, platform.s3_prefix_list)):
        vpc.SecurityGroupEgressRule(
            f"{frame.name}-{short}",
            security_group_id=group.id,
            description=f"Endpoints: {short}",
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            cidr_ipv4=network,
            prefix_list_id=prefixes,
            tags=dict(frame.tags),
            opts=child(frame.parent),
        )


def _network(host: str) -> str:
    """What a security group can say of a host: an address itself; of a name, nothing but that it is somewhere."""
    try:
        return f"{ipaddress.IPv4Address(host)}/32"
    except ValueError:
        return ANYWHERE
