"""The way out of an agent on ECS.  (docs/ecs.md)"""

from __future__ import annotations

import ipaddress

import pulumi
from pulumi_aws import ec2, vpc

from components.agents.ecs_platform import Frame, uses_database
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
    # To those that start a task and take its logs: by the network's endpoints, never by the internet.
    platform, database = frame.platform, frame.platform.database
    _out(frame, group, "vpc", "Endpoints: vpc", 443, network=platform.vpc_cidr)
    _out(frame, group, "s3", "Endpoints: s3", 443, prefixes=platform.s3_prefix_list)
    for network, port in sorted({(_network(address.host), address.port) for address in frame.spec.egress}):
        _out(frame, group, f"{network.replace('/', '-')}-{port}", "Declared in spec.egress", port, network=network)
    if database is not None and uses_database(frame.spec):
        # It lets in all services; who has no user of it has no way to it either.
        what = "spec.secrets names a database"
        _out(frame, group, "database", what, POSTGRES_PORT, target=database.group_id)
    return group


def _out(  # noqa: PLR0913 – a way out, and one of three places that it leads to
    frame: Frame,
    group: ec2.SecurityGroup,
    short: str,
    description: str,
    port: int,
    *,
    network: pulumi.Input[str] | None = None,
    prefixes: pulumi.Input[str] | None = None,
    target: pulumi.Input[str] | None = None,
) -> None:
    vpc.SecurityGroupEgressRule(
        f"{frame.name}-{short}",
        security_group_id=group.id,
        description=description,
        ip_protocol="tcp",
        from_port=port,
        to_port=port,
        cidr_ipv4=network,
        prefix_list_id=prefixes,
        referenced_security_group_id=target,
        tags=dict(frame.tags),
        opts=child(frame.parent),
    )


def _network(host: str) -> str:
    """What a security group can say of a host: an address itself; of a name, nothing but that it is somewhere."""
    try:
        return f"{ipaddress.IPv4Address(host)}/32"
    except ValueError:
        return ANYWHERE
