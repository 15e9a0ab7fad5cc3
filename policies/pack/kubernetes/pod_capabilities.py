"""Containers keep no capability of the kernel."""

from __future__ import annotations

from policies.rule import Rule, Severity, Value, at, texts
from policies.workloads import WORKLOADS, each_container


def _wrong(_spec: Value, container: Value) -> str | None:
    if "ALL" not in texts(at(container, "securityContext", "capabilities", "drop")):
        return "does not drop ALL capabilities"
    added = set(texts(at(container, "securityContext", "capabilities", "add"))) - {"NET_BIND_SERVICE"}
    return f"adds {', '.join(sorted(added))}" if added else None


RULE = Rule(
    id="k8s-pod-capabilities",
    title="Containers drop all capabilities and add none but NET_BIND_SERVICE",
    severity=Severity.HIGH,
    frameworks=("Pod Security restricted: Capabilities", "CIS Kubernetes 5.2.8", "CIS Kubernetes 5.2.9"),
    remediation='set securityContext.capabilities.drop: ["ALL"]',
    types=WORKLOADS,
    check=each_container(_wrong),
)
