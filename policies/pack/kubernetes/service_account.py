"""Servers have an account of their own, and no account gives its token away."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at
from policies.workloads import SERVERS, pod


def _check(resource: Resource) -> Iterator[str]:
    if at(pod(resource), "serviceAccountName") in {None, "", "default"}:
        yield "runs as the namespace's default service account"


RULE = Rule(
    id="k8s-service-account",
    title="Each server runs under a service account of its own",
    severity=Severity.HIGH,
    frameworks=("CIS Kubernetes 5.1.5",),
    remediation="make a ServiceAccount for the server and name it in serviceAccountName",
    types=SERVERS,
    check=_check,
)
