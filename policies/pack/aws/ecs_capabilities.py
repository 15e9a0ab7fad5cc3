"""Containers of a task have no capability of the kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, at, items, texts


def _check(resource: Resource) -> Iterator[str]:
    listed = resource.at("containerDefinitions")
    for container in items(json.loads(listed) if isinstance(listed, str) else listed):
        capabilities = at(container, "linuxParameters", "capabilities")
        if "ALL" not in texts(at(capabilities, "drop")):
            yield f"container {at(container, 'name')} does not drop ALL capabilities"
        if texts(at(capabilities, "add")):
            yield f"container {at(container, 'name')} adds {', '.join(texts(at(capabilities, 'add')))}"


RULE = Rule(
    id="aws-ecs-capabilities",
    title="Tasks have no capabilities",
    severity=Severity.HIGH,
    frameworks=("CIS Docker 5.4", "NIST SP 800-53r5 AC-6"),
    remediation="set linuxParameters.capabilities.drop: [ALL], and no add",
    types=frozenset({"aws:ecs/taskDefinition:TaskDefinition"}),
    check=_check,
)
