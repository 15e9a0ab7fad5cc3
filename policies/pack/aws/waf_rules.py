"""A web ACL blocks: floods, known bad requests, the common attacks."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items

_MANAGED = {"AWSManagedRulesKnownBadInputsRuleSet", "AWSManagedRulesCommonRuleSet"}
# What floods comes from an address; a limit of all who ask for a tenant is another thing.
_ADDRESSES = {"IP", "FORWARDED_IP"}


def _check(resource: Resource) -> Iterator[str]:
    rules = items(resource.at("rules"))
    groups = {at(each, "statement", "managedRuleGroupStatement", "name") for each in rules}
    for missing in sorted(_MANAGED - groups):
        yield f"lacks {missing}"
    if not any(at(each, "statement", "rateBasedStatement", "aggregateKeyType") in _ADDRESSES for each in rules):
        yield "lacks a rate limit"
    for rule in rules:
        if at(rule, "action", "count") is not None or at(rule, "action", "allow") is not None:
            yield f"rule {at(rule, 'name')} does not block"


RULE = Rule(
    id="aws-waf-rules",
    title="Web ACLs block floods and the known attacks",
    severity=Severity.HIGH,
    frameworks=("FSBP WAF.10", "NIST SP 800-53r5 SC-5"),
    remediation="add a rate-based rule and AWS's KnownBadInputs and Common rule sets, all blocking",
    types=frozenset({"aws:wafv2/webAcl:WebAcl"}),
    check=_check,
)
