"""Nothing may reach everything: a way out names a port."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, Value, at, items, texts

_ALL = {"0.0.0.0/0", "::/0"}


def _check(resource: Resource) -> Iterator[str]:
    if resource.type.endswith(":SecurityGroup"):
        for rule in items(resource.at("egress")):
            yield from _wrong(rule)
    else:
        yield from _wrong(resource.props)


def _wrong(rule: Value) -> Iterator[str]:
    targets = {*texts(at(rule, "cidrBlocks")), *texts(at(rule, "cidrIpv4")), *texts(at(rule, "cidrIpv6"))}
    every_port = str(at(rule, "ipProtocol") or at(rule, "protocol")) == "-1" or at(rule, "fromPort") != at(
        rule, "toPort"
    )
    if targets & _ALL and every_port:
        yield "every port of every address can be reached"


RULE = Rule(
    id="aws-egress",
    title="No way out leads to every port of everything",
    severity=Severity.HIGH,
    frameworks=("NIST SP 800-53r5 SC-7", "NSA: network separation"),
    remediation="name the port, and the group or the range that is to be reached",
    types=frozenset({"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "aws:ec2/securityGroup:SecurityGroup"}),
    check=_check,
)
