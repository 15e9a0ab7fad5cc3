"""No pod shares its node's network, processes, memory or ports."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items
from policies.workloads import WORKLOADS, containers, pod


def _check(resource: Resource) -> Iterator[str]:
    spec = pod(resource)
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if at(spec, key) not in {None, False}:
            yield f"{key} is set"
    if at(spec, "securityContext", "windowsOptions", "hostProcess") not in {None, False}:
        yield "windowsOptions.hostProcess is set"
    for container in containers(spec):
        if at(container, "securityContext", "windowsOptions", "hostProcess") not in {None, False}:
            yield f"container {at(container, 'name')}: windowsOptions.hostProcess is set"
        for port in items(at(container, "ports")):
            if at(port, "hostPort") not in {None, 0}:
                yield f"container {at(container, 'name')}: hostPort {at(port, 'hostPort')}"


RULE = Rule(
    id="k8s-pod-host-namespaces",
    title="No pod shares its node's network, processes, memory or ports",
    severity=Severity.CRITICAL,
    frameworks=(
        "Pod Security baseline: Host Namespaces",
        "Pod Security baseline: Host Ports",
        "Pod Security baseline: HostProcess",
        "CIS Kubernetes 5.2.3",
        "CIS Kubernetes 5.2.4",
        "CIS Kubernetes 5.2.5",
        "CIS Kubernetes 5.2.13",
    ),
    remediation="remove hostNetwork, hostPID, hostIPC, hostProcess and hostPort; let a Service give the address",
    types=WORKLOADS,
    check=_check,
)
