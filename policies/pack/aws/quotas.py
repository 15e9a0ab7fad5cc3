"""No stack asks for more than an account is given: what would fail in the middle of an update fails before it.

The figures are the defaults of AWS' own pages, read on 29 November 2026 (docs/policies.md names them). Who was granted
more says so in policies/exceptions.yaml.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policies.rule import Resource, Rule, Severity, Value


@dataclass(frozen=True, kw_only=True)
class Quota:
    """At most so many resources of a `type`. `per`: the property that names what they belong to; the Region where none.

    `only`: a property and its value, where the quota is about some of them.
    """

    type: str
    most: int
    per: str = ""
    only: tuple[str, str] | None = None

    def counts(self, resource: Resource) -> bool:
        """Whether a resource is one of those that count."""
        return resource.type == self.type and (self.only is None or resource.at(self.only[0]) == self.only[1])


QUOTAS = (
    Quota(type="aws:ec2/vpc:Vpc", most=5),
    Quota(type="aws:ec2/internetGateway:InternetGateway", most=5),
    Quota(type="aws:ec2/eip:Eip", most=5),
    # Of a zone, really: a subnet lies in one.
    Quota(type="aws:ec2/natGateway:NatGateway", most=5, per="subnetId"),
    Quota(type="aws:ec2/subnet:Subnet", most=200, per="vpcId"),
    Quota(type="aws:ec2/routeTable:RouteTable", most=200, per="vpcId"),
    Quota(type="aws:ec2/route:Route", most=500, per="routeTableId"),
    Quota(type="aws:ec2/vpcEndpoint:VpcEndpoint", most=50, per="vpcId", only=("vpcEndpointType", "Interface")),
    Quota(type="aws:ec2/vpcEndpoint:VpcEndpoint", most=20, only=("vpcEndpointType", "Gateway")),
    Quota(type="aws:ec2/securityGroup:SecurityGroup", most=2500),
    Quota(type="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", most=60, per="securityGroupId"),
    Quota(type="aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", most=60, per="securityGroupId"),
    Quota(type="aws:lb/loadBalancer:LoadBalancer", most=50),
    Quota(type="aws:lb/targetGroup:TargetGroup", most=3000),
    Quota(type="aws:lb/listener:Listener", most=50, per="loadBalancerArn"),
    # Of a load balancer, really: a listener belongs to one.
    Quota(type="aws:lb/listenerRule:ListenerRule", most=100, per="listenerArn"),
    Quota(type="aws:iam/rolePolicyAttachment:RolePolicyAttachment", most=10, per="role"),
    Quota(type="aws:eks/nodeGroup:NodeGroup", most=30, per="clusterName"),
)


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    for quota in QUOTAS:
        seen: Counter[Value] = Counter()
        for resource in filter(quota.counts, resources):
            of = resource.at(quota.per) if quota.per else None
            seen[of] += 1
            # Only the first beyond it: the ones after add nothing that anybody could act on.
            if seen[of] == quota.most + 1:
                yield resource, f"is one more than the {quota.most} that an account has of {_whose(quota)}"


def _whose(quota: Quota) -> str:
    kind = quota.type.rpartition(":")[2]
    kind = f"{kind} ({quota.only[1]})" if quota.only else kind
    return f"{kind} for each {quota.per}" if quota.per else f"{kind} in a Region"


RULE = Rule(
    id="aws-quotas",
    title="No stack needs more than AWS' default quotas",
    severity=Severity.HIGH,
    frameworks=("AWS Well-Architected REL01-BP01",),
    remediation="ask AWS for more and write the grant down as an exception, or make fewer",
    types=frozenset(quota.type for quota in QUOTAS),
    stack=_check,
)
