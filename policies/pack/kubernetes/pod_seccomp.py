"""Containers may call only what the runtime's own seccomp profile allows."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, Value, at
from policies.workloads import WORKLOADS, containers, effective, pod

_ALLOWED = {"RuntimeDefault", "Localhost"}


def _check(resource: Resource) -> Iterator[str]:
    spec = pod(resource)
    if at(spec, "securityContext", "seccompProfile", "type") not in {None, *_ALLOWED}:
        yield "the pod's seccompProfile is not RuntimeDefault"
    for container in containers(spec):
        profile: Value = at(effective(spec, container, "seccompProfile"), "type")
        if profile not in _ALLOWED:
            yield f"container {at(container, 'name')}: seccompProfile is {profile or 'not set'}"


RULE = Rule(
    id="k8s-pod-seccomp",
    title="Containers run under a seccomp profile",
    severity=Severity.HIGH,
    frameworks=("Pod Security restricted: Seccomp", "CIS Kubernetes 5.7.2"),
    remediation="set securityContext.seccompProfile.type: RuntimeDefault on the pod",
    types=WORKLOADS,
    check=_check,
)
