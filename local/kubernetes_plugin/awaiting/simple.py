"""Kinds that are ready as soon as their own status says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from local.kubernetes_plugin.awaiting import kstatus
from local.kubernetes_plugin.awaiting.pods import PodWatch, pod_state
from local.kubernetes_plugin.cluster import PODS, Resource
from local.kubernetes_plugin.informers import Event
from local.kubernetes_plugin.objects import name, owned_by, pluck
from local.plugin.host import INFO, Log
from local.plugin.values import Object

DAEMON_SETS: Final = Resource("apps", "v1", "daemonsets", namespaced=True)


class StatusAwaiter:
    """Waits until `judge` is content with the object.

    `judge` gives back whether it is, and a message that is shown (empty: none) and becomes the reason if it never is.
    """

    def __init__(self, obj: Object, resource: Resource, log: Log, judge: Callable[[Object], tuple[bool, str]]) -> None:
        self.obj = obj
        self._resource = resource
        self._log = log
        self._judge = judge
        self._seen = False
        self._message = ""

    @property
    def follows(self) -> Sequence[Resource]:
        """See `Awaiter`."""
        return (self._resource,)

    def observe(self, event: Event) -> None:
        """See `Awaiter`."""
        if name(event.obj) == name(self.obj) and event.type != "DELETED":
            self.obj, self._seen = event.obj, True

    def ready(self) -> bool:
        """See `Awaiter`."""
        if not self._seen:
            return False
        done, self._message = self._judge(self.obj)
        if self._message:
            self._log.status(INFO, self._message)
        return done

    def failed(self) -> bool:
        """See `Awaiter`."""
        return False

    def report(self) -> None:
        """See `Awaiter`."""

    def problems(self) -> list[str]:
        """See `Awaiter`."""
        return [self._message] if self._message else []


def volume_ready(obj: Object) -> tuple[bool, str]:
    """A PersistentVolume: available or bound."""
    phase = pluck(obj, "status", "phase")
    messages = {"Available": "PV marked available", "Bound": "PV has been bound"}
    return phase in messages, messages.get(phase, "")


def claim_judge(binding_mode: Callable[[str], str]) -> Callable[[Object], tuple[bool, str]]:
    """A PersistentVolumeClaim: bound, or pending if its class binds only when a pod comes.

    `binding_mode`: the volume binding mode of a storage class by name.
    """

    def judge(obj: Object) -> tuple[bool, str]:
        phase = str(pluck(obj, "status", "phase") or "")
        if phase == "Bound":
            return True, ""
        storage_class = str(pluck(obj, "spec", "storageClassName") or "")
        mode = binding_mode(storage_class) if storage_class else ""
        if mode == "WaitForFirstConsumer":
            return phase == "Pending", ""
        return (
            False,
            f'PersistentVolumeClaim "{name(obj)}" is {phase or "not seen yet"} (storage class "{storage_class}")',
        )

    return judge


def replicas_ready(obj: Object) -> tuple[bool, str]:
    """A ReplicationController: as many pods available as asked for."""
    wanted, have = pluck(obj, "spec", "replicas"), pluck(obj, "status", "availableReplicas") or 0
    return wanted == have, "" if wanted == have else f"{have} of {wanted} replicas are available"


def quota_ready(obj: Object) -> tuple[bool, str]:
    """A ResourceQuota: the controller took over its limits."""
    same = pluck(obj, "spec", "hard") == pluck(obj, "status", "hard")
    return same, "" if same else "the quota controller has not taken over the limits yet"


def token_ready(obj: Object) -> tuple[bool, str]:
    """A service account's token: the controller filled it in."""
    filled = bool(obj.get("data"))
    return filled, "" if filled else "the controller has not written the token yet; does the service account exist?"


def generally_ready(obj: Object) -> tuple[bool, str]:
    """Any kind, judged by the common conventions."""
    status = kstatus.compute(obj)
    return status.current, status.message


class PodAwaiter:
    """A Pod by itself: ready, or done."""

    def __init__(self, obj: Object, log: Log, pods: PodWatch | None = None) -> None:
        self.obj = obj
        self._log = log
        self._done = False
        self.pods = pods or PodWatch(lambda pod: name(pod) == name(self.obj))

    @property
    def follows(self) -> Sequence[Resource]:
        """See `Awaiter`."""
        return (PODS,)

    def observe(self, event: Event) -> None:
        """See `Awaiter`."""
        if name(event.obj) != name(self.obj):
            return
        self.pods.observe(event.type, event.obj)
        self.obj = event.obj
        state = pod_state(event.obj)
        self._done = state.ready and event.type != "DELETED"
        for step in state.steps:
            self._log.status(INFO, step)

    def ready(self) -> bool:
        """See `Awaiter`."""
        return self._done

    def failed(self) -> bool:
        """See `Awaiter`: a pod that failed for good, and will not be started again."""
        return bool(pluck(self.obj, "status", "phase") == "Failed")

    def report(self) -> None:
        """See `Awaiter`."""
        for message in self.pods.messages():
            self._log.status(message.severity, message.text)

    def problems(self) -> list[str]:
        """See `Awaiter`."""
        return self.pods.texts()


class DaemonSetAwaiter(StatusAwaiter):
    """A DaemonSet: its newest pod ready on every node that it wants."""

    def __init__(self, obj: Object, log: Log, pods: PodWatch | None = None) -> None:
        super().__init__(obj, DAEMON_SETS, log, generally_ready)
        self.pods = pods or PodWatch(lambda pod: owned_by(pod, self.obj))

    @property
    def follows(self) -> Sequence[Resource]:
        """See `Awaiter`."""
        return (DAEMON_SETS, PODS)

    def observe(self, event: Event) -> None:
        """See `Awaiter`."""
        if event.resource == PODS:
            self.pods.observe(event.type, event.obj)
        else:
            super().observe(event)

    def report(self) -> None:
        """See `Awaiter`."""
        for message in self.pods.messages():
            self._log.status(message.severity, message.text)

    def problems(self) -> list[str]:
        """See `Awaiter`."""
        return [*super().problems(), *self.pods.texts()]
