"""The way in has rules of a firewall, and they block."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items


def _check(resource: Resource) -> Iterator[str]:
    rules = items(resource.at("rules"))
    if not rules:
        yield "has no rules"
    for rule in rules:
        if at(rule, "overrideAction", "count") is not None:
            yield f"rule {at(rule, 'name')} only counts"
    if resource.at("visibilityConfig", "cloudwatchMetricsEnabled") is not True:
        yield "visibilityConfig.cloudwatchMetricsEnabled is not true"


RULE = Rule(
    id="aws-waf",
    title="Web ACLs have rules that block, and metrics",
    severity=Severity.HIGH,
    frameworks=(
        "FSBP WAF.10",
        "FSBP WAF.12",
    ),
    remediation="add managed rule groups with overrideAction none",
    types=frozenset({"aws:wafv2/webAcl:WebAcl"}),
    check=_check,
)
