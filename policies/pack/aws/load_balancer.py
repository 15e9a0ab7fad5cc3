"""Load balancers keep a log and cannot be deleted by accident."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("enableDeletionProtection") is not True:
        yield "enableDeletionProtection is not true"
    if resource.at("accessLogs", "enabled") is not True:
        yield "accessLogs.enabled is not true"
    application = resource.at("loadBalancerType") in {None, "application"}
    if application and resource.at("dropInvalidHeaderFields") is not True:
        yield "dropInvalidHeaderFields is not true"
    if application and resource.at("desyncMitigationMode") not in {None, "defensive", "strictest"}:
        yield "desyncMitigationMode is monitor"


RULE = Rule(
    id="aws-load-balancer",
    title="Load balancers keep a log, drop broken headers and are protected from deletion",
    severity=Severity.HIGH,
    frameworks=(
        "FSBP ELB.4",
        "FSBP ELB.5",
        "FSBP ELB.6",
        "FSBP ELB.12",
    ),
    remediation="set accessLogs.enabled, dropInvalidHeaderFields and enableDeletionProtection",
    types=frozenset({"aws:lb/loadBalancer:LoadBalancer"}),
    check=_check,
)
