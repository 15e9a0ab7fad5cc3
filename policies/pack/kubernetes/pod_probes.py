"""A server that hangs is restarted, and one that is not ready gets no request."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items
from policies.workloads import SERVERS, pod

# Istio's injector writes the whole container in this one's place, with its probes.
_INJECTED = "auto"


def _check(resource: Resource) -> Iterator[str]:
    listed = [one for one in items(at(pod(resource), "containers")) if at(one, "image") != _INJECTED]
    for container in listed:
        if at(container, "livenessProbe") is None:
            yield f"container {at(container, 'name')}: no livenessProbe"
    if listed and all(at(container, "readinessProbe") is None for container in listed):
        yield "no container has a readinessProbe"


RULE = Rule(
    id="k8s-pod-probes",
    title="Servers have a liveness probe each and a readiness probe",
    severity=Severity.MEDIUM,
    frameworks=("Kubernetes documentation: Configure Liveness, Readiness and Startup Probes",),
    remediation="add livenessProbe to each container and readinessProbe to the one that serves",
    types=SERVERS,
    check=_check,
)
