"""No pod is given a key to the API server that it did not ask for."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at
from policies.workloads import WORKLOADS, pod


def _check(resource: Resource) -> Iterator[str]:
    spec = pod(resource)
    if at(spec, "automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken is not false"
    if at(spec, "enableServiceLinks") not in {None, False}:
        yield "enableServiceLinks is set"


RULE = Rule(
    id="k8s-pod-token",
    title="Pods mount no token of the API server; who needs one projects it",
    severity=Severity.HIGH,
    frameworks=("CIS Kubernetes 5.1.6", "NSA: Service account tokens"),
    remediation="set automountServiceAccountToken: false; project a token where a pod talks to the API server",
    types=WORKLOADS,
    check=_check,
)
