"""No secret stands as plain text where everybody who may read an object can read it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, entries, items
from policies.workloads import WORKLOADS, containers, pod

_NAME = re.compile(r"(password|passwd|secret|token|api_?key|private_?key|credential)$", re.IGNORECASE)
_CONTENT = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b")


def _check(resource: Resource) -> Iterator[str]:
    for container in containers(pod(resource)):
        for variable in items(at(container, "env")):
            name, value = at(variable, "name"), at(variable, "value")
            if isinstance(value, str) and value and (_NAME.search(str(name)) or _CONTENT.search(value)):
                yield f"container {at(container, 'name')}: {name} is written out"
    if resource.kind == "ConfigMap":
        for key, value in entries(resource.at("data")):
            if isinstance(value, str) and _CONTENT.search(value):
                yield f"key {key} holds a secret"


RULE = Rule(
    id="k8s-literal-secrets",
    title="No secret is written into a container's environment or a ConfigMap",
    severity=Severity.CRITICAL,
    frameworks=("CIS Kubernetes 5.4.1", "NSA: Protecting secrets"),
    remediation="keep it in a Secret and mount it as a file, or name it in valueFrom.secretKeyRef",
    types=WORKLOADS | {"ConfigMap"},
    check=_check,
)
