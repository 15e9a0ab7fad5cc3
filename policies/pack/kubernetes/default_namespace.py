"""Nothing stands in the default namespace."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity
from policies.workloads import WORKLOADS

_TYPES = WORKLOADS | {"Service", "ServiceAccount", "ConfigMap", "Secret", "Role", "RoleBinding", "NetworkPolicy"}


def _check(resource: Resource) -> Iterator[str]:
    if resource.namespace in {None, "default"}:
        yield "stands in the default namespace"


RULE = Rule(
    id="k8s-default-namespace",
    title="Nothing stands in the default namespace",
    severity=Severity.MEDIUM,
    frameworks=("CIS Kubernetes 5.7.4",),
    remediation="name a namespace in metadata.namespace",
    types=_TYPES,
    check=_check,
)
