"""No user of a cache gets in without showing who it is."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    off = "off" in str(resource.at("accessString")).split()
    kind = resource.at("authenticationMode", "type")
    if not off and (resource.at("noPasswordRequired") is True or kind == "no-password-required"):
        yield "needs no password"
    if (
        not off
        and "+@all" in str(resource.at("accessString")).split()
        and "-@dangerous" not in str(resource.at("accessString")).split()
    ):
        yield "may do everything, what is dangerous too"


RULE = Rule(
    id="aws-elasticache-user",
    title="No user of a cache comes in without authentication",
    severity=Severity.CRITICAL,
    frameworks=("FSBP ElastiCache.6",),
    remediation="set authenticationMode.type: iam or password, and noPasswordRequired: false",
    types=frozenset({"aws:elasticache/user:User"}),
    check=_check,
)
