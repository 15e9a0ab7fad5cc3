"""A StatefulSet is ready when all its replicas are, and all are of the newest revision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from local.kubernetes_plugin.awaiting.pods import PodWatch
from local.kubernetes_plugin.cluster import PODS, Resource
from local.kubernetes_plugin.informers import Event
from local.kubernetes_plugin.objects import name, owned_by, pluck
from local.plugin.host import INFO, Log
from local.plugin.values import Object

STATEFUL_SETS: Final = Resource("apps", "v1", "statefulsets", namespaced=True)


class StatefulSetAwaiter:
    """See the module."""

    def __init__(self, obj: Object, log: Log, pods: PodWatch | None = None) -> None:
        self.obj = obj
        self._log = log
        self._generation = 0
        self._replicas_ready = False
        self._revision_ready = False
        self._ready_count = 0
        self._wanted = 0
        self.pods = pods or PodWatch(lambda pod: owned_by(pod, self.obj))

    @property
    def follows(self) -> Sequence[Resource]:
        """See `Awaiter`."""
        return (STATEFUL_SETS, PODS)

    def observe(self, event: Event) -> None:
        """See `Awaiter`."""
        if event.resource == PODS:
            self.pods.observe(event.type, event.obj)
        elif name(event.obj) == name(self.obj):
            self._observe_set(event)

    def _observe_set(self, event: Event) -> None:
        self._replicas_ready = self._revision_ready = False
        if event.type == "DELETED":
            return
        obj = self.obj = event.obj
        status = obj.get("status") or {}
        self._generation = int(pluck(obj, "metadata", "generation") or 0)
        self._wanted = int(pluck(obj, "spec", "replicas") or 0)
        ready, updated = int(status.get("readyReplicas") or 0), int(status.get("updatedReplicas") or 0)
        observed = int(status.get("observedGeneration") or 0) >= self._generation
        self._replicas_ready = observed and self._wanted == ready == int(status.get("replicas") or 0)
        if self._generation > 1 and pluck(obj, "spec", "updateStrategy", "type") == "OnDelete":
            self._revision_ready = True
        else:
            revision = status.get("currentRevision")
            self._revision_ready = bool(revision) and revision == status.get("updateRevision")
            self._replicas_ready = self._replicas_ready and self._wanted == int(status.get("currentReplicas") or 0)
        self._ready_count = ready if self._revision_ready else min(ready, updated)

    def ready(self) -> bool:
        """See `Awaiter`."""
        if self._replicas_ready and self._revision_ready:
            self._log.status(INFO, "StatefulSet initialization complete")
            return True
        count = f"({self._ready_count}/{self._wanted} Pods ready)"
        if self._generation <= 1:
            self._log.status(INFO, f"[1/2] Waiting for StatefulSet to create Pods {count}")
        elif not self._replicas_ready:
            self._log.status(INFO, f"[1/3] Waiting for StatefulSet update to roll out {count}")
        else:
            self._log.status(INFO, "[2/3] Waiting for StatefulSet to update .status.currentRevision")
        return False

    def failed(self) -> bool:
        """See `Awaiter`: never, a rollout may always recover."""
        return False

    def report(self) -> None:
        """See `Awaiter`."""
        for message in self.pods.messages():
            self._log.status(message.severity, message.text)

    def problems(self) -> list[str]:
        """See `Awaiter`."""
        found: list[str] = []
        if not self._replicas_ready:
            found.append(f"{self._ready_count} out of {self._wanted} replicas succeeded readiness checks")
        if not self._revision_ready:
            status = self.obj.get("status") or {}
            old, new = status.get("currentRevision", ""), status.get("updateRevision", "")
            found.append(f'StatefulSet controller failed to advance from revision "{old}" to revision "{new}"')
        return found + self.pods.texts()
