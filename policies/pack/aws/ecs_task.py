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
    waited_for = {
        str(at(needed, "containerName"))
        for container in containers
        for needed in items(at(container, "dependsOn"))
        if at(needed, "condition") == "SUCCESS"
    }
    for container in containers:
        for what in _wrong(container, prepares=str(at(container, "name")) in waited_for):
            yield f"container {at(container, 'name')}: {what}"
    if resource.at("networkMode") != "awsvpc":
        yield "networkMode is not awsvpc"
    if resource.at("pidMode") == "host" or resource.at("ipcMode") == "host":
        yield "shares the host's processes or memory"
    for volume in items(resource.at("volumes")):
        if at(volume, "hostPath"):
            yield f"volume {at(volume, 'name')} is a folder of the host"


def _may_be_root(container: Value) -> bool:
    """A container that others wait for to end: it has no capability, takes no request, and is gone when they start.

    Fargate's shared folders belong to root, and somebody has to put the files in.
    """
    capabilities = at(container, "linuxParameters", "capabilities")
    confined = "ALL" in items(at(capabilities, "drop")) and not items(at(capabilities, "add"))
    return confined and at(container, "essential") is False and not items(at(container, "portMappings"))


def _wrong(container: Value, *, prepares: bool) -> Iterator[str]:
    if at(container, "privileged") is True:
        yield "is privileged"
    if at(container, "readonlyRootFilesystem") is not True:
        yield "readonlyRootFilesystem is not true"
    root = str(at(container, "user")).partition(":")[0] in {"None", "", "0", "root"}
    if root and not (prepares and _may_be_root(container)):
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
    title="Tasks are confined: not privileged, read-only, by digest, with a log, no root once they serve",
    severity=Severity.CRITICAL,
    frameworks=(
        "FSBP ECS.4",
        "FSBP ECS.5",
        "FSBP ECS.8",
        "FSBP ECS.9",
        "FSBP ECS.1",
    ),
    remediation="set readonlyRootFilesystem, user, logConfiguration and an image by digest; take secrets by valueFrom",
    types=frozenset({"aws:ecs/taskDefinition:TaskDefinition"}),
    check=_check,
)
