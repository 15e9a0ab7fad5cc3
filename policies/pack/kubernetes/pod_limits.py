"""Containers say what they need, and get no more than they said."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items
from policies.workloads import WORKLOADS, containers, pod

_WANTED = (("requests", "cpu"), ("requests", "memory"), ("limits", "cpu"), ("limits", "memory"))


def _check(resource: Resource) -> Iterator[str]:
    spec = pod(resource)
    for container in containers(spec, ("initContainers", "containers")):
        missing = [f"{kind}.{what}" for kind, what in _WANTED if not at(container, "resources", kind, what)]
        if missing:
            yield f"container {at(container, 'name')}: no {', '.join(missing)}"
    for volume in items(at(spec, "volumes")):
        if at(volume, "emptyDir") is not None and not at(volume, "emptyDir", "sizeLimit"):
            yield f"volume {at(volume, 'name')}: emptyDir without a sizeLimit"


RULE = Rule(
    id="k8s-pod-limits",
    title="Containers have requests and limits of processor and memory, emptyDirs a size",
    severity=Severity.HIGH,
    frameworks=("NSA: Resource policies",),
    remediation="set resources.requests and resources.limits (cpu, memory), and emptyDir.sizeLimit",
    types=WORKLOADS,
    check=_check,
)
