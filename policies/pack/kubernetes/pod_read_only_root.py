"""Containers cannot write to their own file system."""

from __future__ import annotations

from policies.rule import Rule, Severity, Value, at
from policies.workloads import WORKLOADS, each_container


def _wrong(_spec: Value, container: Value) -> str | None:
    if at(container, "securityContext", "readOnlyRootFilesystem") is not True:
        return "readOnlyRootFilesystem is not true"
    return None


RULE = Rule(
    id="k8s-pod-read-only-root",
    title="Containers cannot write to their own file system",
    severity=Severity.HIGH,
    frameworks=("NSA: Immutable container file systems", "CIS Kubernetes 5.7.3"),
    remediation="set securityContext.readOnlyRootFilesystem: true and mount an emptyDir where the program writes",
    types=WORKLOADS,
    check=each_container(_wrong),
)
