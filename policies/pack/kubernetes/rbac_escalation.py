"""No role lets its holder become somebody else."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, Value, at, items, texts

_VERBS = {"escalate", "bind", "impersonate"}
_RESOURCES = {"pods/exec", "pods/attach", "pods/ephemeralcontainers", "nodes/proxy", "serviceaccounts/token"}
_READS = {"get", "list", "watch"}


def _check(resource: Resource) -> Iterator[str]:
    for number, rule in enumerate(items(resource.at("rules"))):
        for what in _wrong(resource, rule):
            yield f"rule {number}: {what}"


def _wrong(resource: Resource, rule: Value) -> Iterator[str]:
    verbs, resources = set(texts(at(rule, "verbs"))), set(texts(at(rule, "resources")))
    if verbs & _VERBS:
        yield f"grants {', '.join(sorted(verbs & _VERBS))}"
    if resources & _RESOURCES:
        yield f"grants {', '.join(sorted(resources & _RESOURCES))}"
    named = texts(at(rule, "resourceNames"))
    if resource.kind == "ClusterRole" and "secrets" in resources and verbs & _READS and not named:
        yield "reads the secrets of every namespace"


RULE = Rule(
    id="k8s-rbac-escalation",
    title="No role lets its holder become somebody else, enter a pod or read every secret",
    severity=Severity.CRITICAL,
    frameworks=("CIS Kubernetes 5.1.2", "CIS Kubernetes 5.1.8", "CIS Kubernetes 5.1.10", "CIS Kubernetes 5.1.13"),
    remediation="grant the rights themselves, in a Role of the one namespace, on named objects",
    types=frozenset({"Role", "ClusterRole"}),
    check=_check,
)
