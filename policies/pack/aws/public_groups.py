"""What is open to the world is the gateway's: by the component's tag, as groups have no other name in common."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, texts

_ALL = {"0.0.0.0/0", "::/0"}


def _check(resource: Resource) -> Iterator[str]:
    sources = {*texts(resource.at("cidrIpv4")), *texts(resource.at("cidrIpv6"))}
    if not sources & _ALL:
        return
    if str(resource.at("ipProtocol")) == "-1":
        yield "every port is open to the world: the ports do not count where ipProtocol is -1"
    if at(resource.at("tags"), "groundwork:component") != "edge":
        yield "is open to the world and no part of the edge"


RULE = Rule(
    id="aws-public-groups",
    title="Nothing is open to the world but the load balancer",
    severity=Severity.CRITICAL,
    frameworks=("FSBP EC2.18", "FSBP EC2.19", "NSA: network separation"),
    remediation="name the group or the range that may call; only components/edge is public",
    types=frozenset({"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"}),
    check=_check,
)
