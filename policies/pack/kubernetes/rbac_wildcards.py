"""Rights are named one by one."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items, texts


def _check(resource: Resource) -> Iterator[str]:
    for number, rule in enumerate(items(resource.at("rules"))):
        for key in ("apiGroups", "resources", "verbs", "nonResourceURLs"):
            if "*" in texts(at(rule, key)):
                yield f"rule {number}: {key} has *"


RULE = Rule(
    id="k8s-rbac-wildcards",
    title="No role grants a right on everything",
    severity=Severity.HIGH,
    frameworks=("CIS Kubernetes 5.1.3", "NSA: Role-based access control"),
    remediation="name the API groups, resources and verbs that are used",
    types=frozenset({"Role", "ClusterRole"}),
    check=_check,
)
