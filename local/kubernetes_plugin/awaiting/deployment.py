"""A Deployment is ready when its newest ReplicaSet has all its pods ready and the controller calls it available."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from local.kubernetes_plugin.awaiting.pods import LastWords, PodWatch, condition
from local.kubernetes_plugin.cluster import PODS, Resource
from local.kubernetes_plugin.informers import Event
from local.kubernetes_plugin.objects import annotation, name, owned_by, pluck
from local.plugin.host import INFO, WARNING, Log
from local.plugin.values import Object

DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", namespaced=True)
REPLICA_SETS: Final = Resource("apps", "v1", "replicasets", namespaced=True)
CLAIMS: Final = Resource("", "v1", "persistentvolumeclaims", namespaced=True)
_REVISION: Final = "deployment.kubernetes.io/revision"


class DeploymentAwaiter:
    """See the module. `before`: the live object before an update, None for a new one."""

    def __init__(self, obj: Object, before: Object | None, log: Log, words: LastWords | None = None) -> None:
        self.obj = obj
        self._log = log
        self._before = _revision(before) if before else None
        self._reconciled = False
        self._available = False
        self._progressed = False
        self._rolled_out = False
        self._errors: dict[str, str] = {}
        self._replica_sets: dict[str, Object] = {}
        self._claims: dict[str, Object] = {}
        self.pods = PodWatch(self._owns_pod, words)

    def _owns_pod(self, pod: Object) -> bool:
        current = self._replica_sets.get(_revision(self.obj))
        return current is not None and owned_by(pod, current)

    @property
    def follows(self) -> Sequence[Resource]:
        """See `Awaiter`."""
        return (DEPLOYMENTS, REPLICA_SETS, PODS, CLAIMS)

    def observe(self, event: Event) -> None:
        """See `Awaiter`."""
        if event.resource == PODS:
            self.pods.observe(event.type, event.obj)
        elif event.resource == CLAIMS:
            self._observe_claim(event)
        elif event.resource == REPLICA_SETS:
            if owned_by(event.obj, self.obj):
                self._keep(self._replica_sets, _revision(event.obj), event)
        elif name(event.obj) == name(self.obj) and event.type != "DELETED":
            self._observe_deployment(event.obj)
        if self._reconciled and event.resource != PODS:
            self._judge_rollout()

    @staticmethod
    def _keep(store: dict[str, Object], key: str, event: Event) -> None:
        if event.type == "DELETED":
            store.pop(key, None)
        else:
            store[key] = event.obj

    def _observe_claim(self, event: Event) -> None:
        volumes = pluck(self.obj, "spec", "template", "spec", "volumes") or []
        wanted = {pluck(volume, "persistentVolumeClaim", "claimName") for volume in volumes}
        if name(event.obj) in wanted:
            self._keep(self._claims, name(event.obj), event)

    def _observe_deployment(self, obj: Object) -> None:
        if pluck(obj, "status", "observedGeneration") != pluck(obj, "metadata", "generation"):
            return
        self._reconciled = True
        self.obj = obj
        self._errors = {}
        if not _revision(obj):
            return
        progressing, available = condition(obj, "Progressing"), condition(obj, "Available")
        self._progressed = (
            bool(progressing)
            and self._holds(progressing)
            and ((progressing or {}).get("reason") == "NewReplicaSetAvailable")
        )
        self._available = bool(available) and self._holds(available)
        refused = condition(obj, "ReplicaFailure")
        if refused and refused.get("status") == "True":
            # Quotas and admission refuse pods without any pod to show for it.
            self._holds({**refused, "status": "False"})

    def _holds(self, found: Object | None) -> bool:
        if found is None or found.get("status") == "True":
            return found is not None
        reason, text = found.get("reason"), found.get("message")
        if reason and text:
            self._errors[reason] = f"[{reason}] {text}"
            self._log.status(WARNING, self._errors[reason])
        return False

    def _judge_rollout(self) -> None:
        revision = _revision(self.obj)
        current = self._replica_sets.get(revision)
        if current is None:
            return
        wanted = pluck(current, "spec", "replicas")
        wanted = 1 if wanted is None else int(wanted)
        ready = int(pluck(current, "status", "readyReplicas") or 0)
        self._rolled_out = ready >= wanted
        if not self._rolled_out:
            text = f"Waiting for app ReplicaSet to be available ({ready}/{wanted} Pods available)"
            self._log.status(INFO, text)
        elif wanted == 0:
            self._log.status(WARNING, f'Replicas scaled to 0 for Deployment "{name(self.obj)}"')

    def _unbound(self) -> list[str]:
        return [claim for claim, obj in self._claims.items() if pluck(obj, "status", "phase") != "Bound"]

    def ready(self) -> bool:
        """See `Awaiter`."""
        first = _revision(self.obj) == "1"
        done = self._reconciled and self._available and self._rolled_out and (first or self._progressed)
        if not done or self._unbound():
            return False
        self._log.status(INFO, "Deployment initialization complete")
        return True

    def failed(self) -> bool:
        """See `Awaiter`: never, a rollout may always recover."""
        return False

    def report(self) -> None:
        """See `Awaiter`."""
        for message in self.pods.messages():
            self._log.status(message.severity, message.text)

    def problems(self) -> list[str]:
        """See `Awaiter`."""
        found = list(self._errors.values())
        if self._unbound():
            found.append(f'Failed to bind PersistentVolumeClaim(s): "{",".join(self._unbound())}"')
        first = _revision(self.obj) == "1"
        if not self._available:
            found.append("Minimum number of live Pods was not attained")
        elif not self._rolled_out and not first and self._progressed:
            found.append("Attempted to roll forward to new ReplicaSet, but minimum number of Pods did not become live")
        elif not self._rolled_out or not (first or self._progressed):
            found.append("Minimum number of Pods to consider the application live was not attained")
        return found + self.pods.texts()


def _revision(obj: Object) -> str:
    return annotation(obj, _REVISION)
