"""Pods run as somebody who is not root."""

from __future__ import annotations

from policies.rule import Rule, Severity, Value
from policies.workloads import WORKLOADS, each_container, effective


def _wrong(spec: Value, container: Value) -> str | None:
    if effective(spec, container, "runAsNonRoot") is not True:
        return "runAsNonRoot is not true"
    if effective(spec, container, "runAsUser") == 0:
        return "runAsUser is 0"
    return None


RULE = Rule(
    id="k8s-pod-non-root",
    title="Containers run as a user who is not root",
    severity=Severity.CRITICAL,
    frameworks=("Pod Security restricted: Running as Non-root", "CIS Kubernetes 5.2.7", "NSA: Non-root containers"),
    remediation="set runAsNonRoot: true and a runAsUser above 0 (components.workload.pod_spec does)",
    types=WORKLOADS,
    check=each_container(_wrong),
)
