"""A load balancer has a group of its own, and speaks TLS with machines."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, items


def _check(resource: Resource) -> Iterator[str]:
    if resource.type.endswith(":LoadBalancer"):
        if not items(resource.at("securityGroups")):
            yield "securityGroups is empty: the default group"
    elif resource.at("targetType") == "instance" and resource.at("protocol") not in {"HTTPS", "TLS"}:
        yield f"protocol is {resource.at('protocol')}: not encrypted on the way to the node"


RULE = Rule(
    id="aws-load-balancer-groups",
    title="Load balancers have a group of their own, and reach nodes by TLS",
    severity=Severity.HIGH,
    frameworks=("FSBP ELB.22", "NIST SP 800-53r5 SC-8"),
    remediation="set securityGroups; protocol: HTTPS for targets that are machines",
    types=frozenset({"aws:lb/loadBalancer:LoadBalancer", "aws:lb/targetGroup:TargetGroup"}),
    check=_check,
)
