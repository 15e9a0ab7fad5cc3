"""Each load balancer stands behind a web ACL that writes down what it saw, without credentials."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity, at, items

_SECRET = {"authorization", "cookie", "x-api-key"}


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    used = sum(each.type.endswith(":WebAclAssociation") for each in resources)
    logs = [each for each in resources if each.type.endswith(":WebAclLoggingConfiguration")]
    acls = [each for each in resources if each.type == "aws:wafv2/webAcl:WebAcl"]
    balancers = [each for each in resources if each.type == "aws:lb/loadBalancer:LoadBalancer" and _public(each)]
    for balancer in balancers[used:]:
        yield balancer, "has no WebAclAssociation"
    for acl in acls[len(logs) :]:
        yield acl, "has no WebAclLoggingConfiguration"
    for log in logs:
        hidden = {str(at(each, "singleHeader", "name")).lower() for each in items(log.at("redactedFields"))}
        if not hidden >= _SECRET:
            yield log, f"writes {', '.join(sorted(_SECRET - hidden))} down"


def _public(balancer: Resource) -> bool:
    return balancer.at("internal") is not True and balancer.at("loadBalancerType") in {None, "application"}


RULE = Rule(
    id="aws-waf-used",
    title="Load balancers stand behind a web ACL, whose log holds no credentials",
    severity=Severity.HIGH,
    frameworks=("FSBP ELB.16", "FSBP WAF.11"),
    remediation="declare WebAclAssociation and WebAclLoggingConfiguration; redact authorization, cookie and x-api-key",
    types=frozenset(
        {
            "aws:lb/loadBalancer:LoadBalancer",
            "aws:wafv2/webAcl:WebAcl",
            "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        }
    ),
    stack=_check,
)
