"""Pods mount only volumes that are their own."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, entries, items
from policies.workloads import WORKLOADS, pod

_ALLOWED = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip


def _check(resource: Resource) -> Iterator[str]:
    for volume in items(at(pod(resource), "volumes")):
        kinds = {key for key, value in entries(volume) if key != "name" and value is not None}
        for kind in sorted(kinds - _ALLOWED):
            yield f"volume {at(volume, 'name')} is a {kind}"


RULE = Rule(
    id="k8s-pod-volumes",
    title="Pods mount no folder of their node and no network share",
    severity=Severity.CRITICAL,
    frameworks=(
        "Pod Security restricted: Volume Types",
        "Pod Security baseline: HostPath Volumes",
        "CIS Kubernetes 5.2.12",
    ),
    remediation="use a persistentVolumeClaim, an emptyDir, a configMap or a projected volume",
    types=WORKLOADS,
    check=_check,
)
