"""Each namespace that is made begins with nothing open, and a tenant's has a ceiling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity, Value

TENANT = "groundwork/tenant"


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    closed = {each.namespace for each in resources if each.kind == "NetworkPolicy" and _selects_all(each)}
    capped = {each.namespace for each in resources if each.kind == "ResourceQuota" and each.at("spec", "hard")}
    limited = {each.namespace for each in resources if each.kind == "LimitRange" and each.at("spec", "limits")}
    for namespace in (each for each in resources if each.kind == "Namespace"):
        name = namespace.at("metadata", "name")
        if name not in closed:
            yield namespace, "has no network policy that denies by default"
        if namespace.at("metadata", "labels", TENANT) is None:
            continue
        for what, have in (("quota", capped), ("limit range", limited)):
            if name not in have:
                yield namespace, f"has no {what}"


def _selects_all(policy: Resource) -> bool:
    selector: Value = policy.at("spec", "podSelector")
    empty = selector is not None and not (policy.at("spec", "podSelector", "matchLabels"))
    return bool(empty and not policy.at("spec", "podSelector", "matchExpressions") and not policy.at("spec", "ingress"))


RULE = Rule(
    id="k8s-namespace-isolated",
    title="Namespaces deny traffic by default; a tenant's has a quota and limits",
    severity=Severity.CRITICAL,
    frameworks=("CIS Kubernetes 5.3.2", "NSA: Network separation", "NSA: Resource policies"),
    remediation="make the namespace with components.tenancy.Tenant, which brings the policy, the quota and the limits",
    types=frozenset({"Namespace"}),
    stack=_check,
)
