"""Containers on Fargate are confined as pods are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, Value, at, items

_SECRET = re.compile(r"(password|passwd|secret|token|api_?key|private_?key|credential)$", re.IGNORECASE)


def _check(resource: Resource) -> Iterator[str]:
    listed = resource.at("containerDefinitions")
    containers = items(json.loads(listed) if isinstance(listed, str) else listed)
    for container in containers:
        for what in _wrong(container):
            yield f"container {at(container, 'name')}: {what}"
    if resource.at("networkMode") != "awsvpc":
        yield "networkMode is not awsvpc"
    if resource.at("pidMode") == "host" or resource.at("ipcMode") == "host":
        yield "shares the host's processes or memory"
    for volume in items(resource.at("volumes")):
        if at(volume, "hostPath"):
            yield f"volume {at(volume, 'name')} is a folder of the host"


def _wrong(container: Value) -> Iterator[str]:
    if at(container, "privileged") is True:
        yield "is privileged"
    if at(container, "readonlyRootFilesystem") is not True:
        yield "readonlyRootFilesystem is not true"
    if str(at(container, "user")).partition(":")[0] in {"None", "", "0", "root"}:
        yield "runs as root"
    if at(container, "logConfiguration") is None:
        yield "has no logConfiguration"
    if not re.search(r"@sha256:[0-9a-f]{64}$", str(at(container, "image"))):
        yield f"image {at(container, 'image')} is not by digest"
    for variable in items(at(container, "environment")):
        if _SECRET.search(str(at(variable, "name"))) and at(variable, "value"):
            yield f"{at(variable, 'name')} is written out"


RULE = Rule(
    id="aws-ecs-task",
    title="Tasks are confined: not privileged, read-only, by digest, with a log, and no container of them is root",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP ECS.4",
        "FSBP ECS.5",
        "FSBP ECS.8",
        "FSBP ECS.9",
        "FSBP ECS.1",
        "FSBP ECS.20",
    ),
    remediation="set readonlyRootFilesystem, user, logConfiguration and an image by digest; take secrets by valueFrom",
    types=frozenset({"aws:ecs/taskDefinition:TaskDefinition"}),
    check=_check,
)
