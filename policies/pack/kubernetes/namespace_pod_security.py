"""Each namespace holds its pods to the restricted standard."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity

_MODES = ("enforce", "audit", "warn")


def _check(resource: Resource) -> Iterator[str]:
    for mode in _MODES:
        level = resource.at("metadata", "labels", f"pod-security.kubernetes.io/{mode}")
        if level != "restricted":
            yield f"pod-security.kubernetes.io/{mode} is {level or 'not set'}"


RULE = Rule(
    id="k8s-namespace-pod-security",
    title="Namespaces hold their pods to the restricted standard",
    severity=Severity.CRITICAL,
    frameworks=("CIS Kubernetes 5.2.1", "Pod Security restricted"),
    remediation="give the namespace the labels of components.labels.pod_security()",
    types=frozenset({"Namespace", "NamespacePatch"}),
    check=_check,
)
