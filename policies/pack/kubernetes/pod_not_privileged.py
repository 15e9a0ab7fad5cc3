"""No container is privileged."""

from __future__ import annotations

from policies.rule import Rule, Severity, Value, at
from policies.workloads import WORKLOADS, each_container


def _wrong(_spec: Value, container: Value) -> str | None:
    if at(container, "securityContext", "privileged") not in {None, False}:
        return "is privileged"
    if at(container, "securityContext", "procMount") not in {None, "Default"}:
        return "procMount is not Default"
    return None


RULE = Rule(
    id="k8s-pod-not-privileged",
    title="No container is privileged or sees the whole of /proc",
    severity=Severity.CRITICAL,
    frameworks=(
        "Pod Security baseline: Privileged Containers",
        "Pod Security baseline: /proc Mount Type",
        "CIS Kubernetes 5.2.2",
    ),
    remediation="remove securityContext.privileged and procMount",
    types=WORKLOADS,
    check=each_container(_wrong),
)
