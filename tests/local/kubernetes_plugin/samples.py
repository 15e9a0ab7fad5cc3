"""Objects and events for the tests of awaiting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.kubernetes_plugin.awaiting.base import Awaiter
from local.kubernetes_plugin.cluster import Resource
from local.kubernetes_plugin.informers import Event
from local.plugin.values import Json, Object

REVISION = "deployment.kubernetes.io/revision"


@dataclass
class Heard:
    """A log that remembers."""

    texts: list[str] = field(default_factory=list)

    def status(self, severity: int, text: str) -> None:
        assert severity >= 0
        self.texts.append(text)

    keep = status


@dataclass
class Clock:
    """Seconds, moved by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def tell(awaiter: Awaiter, resource: Resource, obj: Object, kind: str = "MODIFIED") -> None:
    awaiter.observe(Event(resource, kind, obj))


def deployment(
    conditions: Mapping[str, tuple[str, str]] | None = None,
    *,
    generation: int = 1,
    observed: int = 1,
    revision: str = "1",
) -> Object:
    """`conditions`: type → (status, reason)."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "n",
            "uid": "d",
            "generation": generation,
            "annotations": {REVISION: revision},
        },
        "spec": {"template": {"spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]}}},
        "status": {
            "observedGeneration": observed,
            "conditions": [
                {"type": kind, "status": status, "reason": reason, "message": f"{kind} is {status}"}
                for kind, (status, reason) in (conditions or {}).items()
            ],
        },
    }


def replica_set(ready: int, wanted: int = 1, revision: str = "1", owner: str = "web") -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{owner}-{revision}",
            "annotations": {REVISION: revision},
            "ownerReferences": [{"kind": "Deployment", "name": owner}],
        },
        "spec": {"replicas": wanted},
        "status": {"readyReplicas": ready},
    }


def pod(owner: Object | None = None, *, ready: str = "True", **container: Json) -> Object:
    references = [{"kind": owner["kind"], "name": owner["metadata"]["name"]}] if owner else []
    waiting = "containers with unready status: [c]"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-1-x", "namespace": "n", "ownerReferences": references},
        "status": {
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Initialized", "status": "True"},
                {"type": "Ready", "status": ready, "reason": "ContainersNotReady", "message": waiting},
            ],
            "containerStatuses": [{"name": "c", "ready": ready == "True", **container}],
        },
    }
