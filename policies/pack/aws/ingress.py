"""Nothing is open to the world but the way in of the load balancer."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, Value, at, items, texts

_ALL = {"0.0.0.0/0", "::/0"}


def _check(resource: Resource) -> Iterator[str]:
    if resource.type.endswith(":SecurityGroup"):
        for rule in items(resource.at("ingress")):
            yield from _wrong(rule)
    elif resource.at("type") != "egress":
        yield from _wrong(resource.props)


def _wrong(rule: Value) -> Iterator[str]:
    sources = {*texts(at(rule, "cidrBlocks")), *texts(at(rule, "cidrIpv4")), *texts(at(rule, "cidrIpv6"))}
    open_to = sources & _ALL
    ports = (at(rule, "fromPort"), at(rule, "toPort"))
    if open_to and ports not in {(80, 80), (443, 443)}:
        yield f"ports {ports[0]} to {ports[1]} are open to {', '.join(sorted(open_to))}"


RULE = Rule(
    id="aws-ingress",
    title="Nothing is open to the world but ports 80 and 443",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP EC2.18",
        "FSBP EC2.19",
        "CIS AWS 5.2",
        "CIS AWS 5.3",
    ),
    remediation="name a security group or a network of the environment as the source",
    types=frozenset(
        {
            "aws:ec2/securityGroup:SecurityGroup",
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            "aws:ec2/securityGroupRule:SecurityGroupRule",
        }
    ),
    check=_check,
)
