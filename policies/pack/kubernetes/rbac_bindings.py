"""Nobody unknown has rights, and nobody has all of them."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items

_EVERYBODY = {"system:anonymous", "system:unauthenticated", "system:authenticated", "system:serviceaccounts"}
_MIGHTY = {"cluster-admin", "admin", "edit"}


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("roleRef", "name") in _MIGHTY:
        yield f"binds {resource.at('roleRef', 'name')}"
    for subject in items(resource.at("subjects")):
        name = at(subject, "name")
        if name in _EVERYBODY or name == "system:masters":
            yield f"gives rights to {name}"
        if at(subject, "kind") == "ServiceAccount" and name == "default":
            yield "gives rights to a default service account"


RULE = Rule(
    id="k8s-rbac-bindings",
    title="No binding gives rights to everybody, or all rights to somebody",
    severity=Severity.CRITICAL,
    frameworks=("CIS Kubernetes 5.1.1", "CIS Kubernetes 5.1.5", "CIS Kubernetes 5.1.7"),
    remediation="bind a role with the rights that are needed to a service account of its own",
    types=frozenset({"RoleBinding", "ClusterRoleBinding"}),
    check=_check,
)
