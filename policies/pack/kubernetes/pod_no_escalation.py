"""No process gets more rights than it began with."""

from __future__ import annotations

from policies.rule import Rule, Severity, Value, at
from policies.workloads import WORKLOADS, each_container


def _wrong(_spec: Value, container: Value) -> str | None:
    if at(container, "securityContext", "allowPrivilegeEscalation") is not False:
        return "allowPrivilegeEscalation is not false"
    return None


RULE = Rule(
    id="k8s-pod-no-escalation",
    title="No process of a container gets more rights than it began with",
    severity=Severity.CRITICAL,
    frameworks=("Pod Security restricted: Privilege Escalation", "CIS Kubernetes 5.2.6"),
    remediation="set securityContext.allowPrivilegeEscalation: false in every container",
    types=WORKLOADS,
    check=each_container(_wrong),
)
