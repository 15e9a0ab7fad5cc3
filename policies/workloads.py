"""The pods that a resource asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from policies.rule import Check, Resource, Value, at, items

SERVERS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})
WORKLOADS = SERVERS | {"Pod", "Job", "CronJob", "ReplicationController"}
_CONTAINERS = ("initContainers", "containers", "ephemeralContainers")


def pod(resource: Resource) -> Value:
    """The spec of a workload's pods; None for anything else."""
    match resource.kind:
        case "Pod":
            return resource.at("spec")
        case "CronJob":
            return resource.at("spec", "jobTemplate", "spec", "template", "spec")
        case kind if kind in WORKLOADS:
            return resource.at("spec", "template", "spec")
    return None


def pod_metadata(resource: Resource) -> Value:
    """The metadata of a workload's pods."""
    match resource.kind:
        case "Pod":
            return resource.at("metadata")
        case "CronJob":
            return resource.at("spec", "jobTemplate", "spec", "template", "metadata")
    return resource.at("spec", "template", "metadata")


def containers(spec: Value, kinds: tuple[str, ...] = _CONTAINERS) -> Iterator[Value]:
    """Every container of the pod: init and ephemeral ones too, unless `kinds` says which."""
    for kind in kinds:
        yield from items(at(spec, kind))


def each_container(wrong: Callable[[Value, Value], str | None]) -> Check:
    """A check that asks of every container (with its pod's spec) what is wrong with it."""

    def check(resource: Resource) -> Iterator[str]:
        spec = pod(resource)
        for container in containers(spec):
            found = wrong(spec, container)
            if found is not None:
                yield f"container {at(container, 'name')}: {found}"

    return check


def effective(spec: Value, container: Value, key: str) -> Value:
    """A setting of the security context: the container's, otherwise the pod's."""
    own = at(container, "securityContext", key)
    return at(spec, "securityContext", key) if own is None else own
