"""Who reaches a store: named security groups on its one port.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import ec2, vpc

from components.aws import Scope, child

COMPONENT = "data"


@dataclass(frozen=True, kw_only=True)
class StoreAccess:
    """`clients`: security groups that may come in, by a name for each."""

    scope: Scope
    vpc_id: pulumi.Input[str]
    clients: Mapping[str, pulumi.Input[str]]


def store_group(name: str, short: str, port: int, access: StoreAccess, parent: pulumi.Resource) -> ec2.SecurityGroup:
    """A group that lets the clients in, and lets nothing out."""
    tags = access.scope.tags(COMPONENT, name=short)
    group = ec2.SecurityGroup(
        name,
        name=access.scope.name(short),
        description=f"{short}: named clients on port {port}, no way out",
        vpc_id=access.vpc_id,
        tags=tags,
        opts=child(parent),
    )
    for client, client_id in access.clients.items():
        vpc.SecurityGroupIngressRule(
            f"{name}-{client}",
            security_group_id=group.id,
            description=f"From {client}",
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            referenced_security_group_id=client_id,
            tags=tags,
            opts=child(parent),
        )
    return group
