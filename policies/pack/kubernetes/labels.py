"""What stands in a cluster says whose it is."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, entries

_WANTED = (
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/managed-by",
    "groundwork/environment",
    "groundwork/cost-centre",
)


def _check(resource: Resource) -> Iterator[str]:
    keys = {key for key, _ in entries(resource.at("metadata", "labels"))}
    missing = [label for label in _WANTED if label not in keys]
    if missing:
        yield f"no label {', '.join(missing)}"


RULE = Rule(
    id="k8s-labels",
    title="Namespaces and servers say whose they are and who pays",
    severity=Severity.MEDIUM,
    frameworks=("Kubernetes documentation: Recommended Labels",),
    remediation="take the labels from components.labels",
    types=frozenset({"Namespace", "NamespacePatch", "Deployment", "StatefulSet", "DaemonSet"}),
    check=_check,
)
