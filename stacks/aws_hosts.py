"""A tenant's own names in AWS, in its stack.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_aws import Provider

from components.domains.own_host import Balancer, OwnHost, OwnHostArgs
from components.tenancy.tenant import TenantArgs
from stacks.aws_environment import scope_of
from stacks.aws_settings import AwsSettings
from stacks.own_names import OwnName


def declare(
    environment: str,
    aws: AwsSettings,
    tenant: TenantArgs,
    names: Sequence[OwnName],
    shared: pulumi.StackReference,
) -> dict[str, pulumi.Input[object]]:
    """What each name needs. The output `hosts`: whether it is served, and the records that its owner has to set."""
    made, zones = shared.require_output("balancer"), shared.get_output("zones")
    balancer = Balancer(
        listener_arn=made["listenerArn"],
        dns_name=made["dnsName"],
        zone_id=made["zoneId"],
        alarm_topic=made["alarmTopic"],
        target_arn=made["targetArn"] if aws.cluster.kind == "eks" else None,
    )
    provider = Provider("names", region=aws.region, allowed_account_ids=[aws.account])
    scope = scope_of(environment, aws, cost_centre=tenant.owner.cost_centre)
    told: dict[str, pulumi.Input[object]] = {}
    for name in names:
        args = OwnHostArgs(
            scope=scope,
            tenant=tenant.owner.tenant,
            host=name.host,
            leads_to=tenant.spec.hosts[0],
            balancer=balancer,
            zone_id=zones[name.zone] if name.zone is not None else None,
            proven=name.proven,
        )
        host = OwnHost(name.host, args, pulumi.ResourceOptions(providers=[provider]))
        told[name.host] = {"served": name.served, "records": host.records}
    return told
