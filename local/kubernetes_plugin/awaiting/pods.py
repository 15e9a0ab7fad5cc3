"""What is wrong with pods, in their own words: conditions, containers' states, and the last lines they wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from local.kubernetes_plugin.cluster import EVENTS, Cluster
from local.kubernetes_plugin.objects import name, namespace, pluck, qualified_name
from local.plugin.errors import PluginError
from local.plugin.host import INFO, WARNING
from local.plugin.values import Object

LOG_LINES: Final = 10
_QUIET_REASONS: Final = frozenset({"ContainerCreating", "PodInitializing", ""})


@dataclass(frozen=True)
class Message:
    """Something to tell the user."""

    severity: int
    text: str


@dataclass(frozen=True)
class PodState:
    """How far a pod got: one line per step it went through, the first unfinished step last, and what blocks that."""

    ready: bool
    steps: list[str]
    message: Message | None = None


def short_name(obj: Object) -> str:
    """`namespace/name`; the namespace `default` is left out."""
    return name(obj) if namespace(obj) in ("", "default") else qualified_name(obj)


def condition(obj: Object, kind: str) -> Object | None:
    """One of the object's status conditions."""
    conditions = pluck(obj, "status", "conditions") or []
    return next((entry for entry in conditions if entry.get("type") == kind), None)


def pod_state(pod: Object) -> PodState:
    """Judge a pod: scheduled, then initialized, then ready (or done)."""
    title = f'Waiting for Pod "{short_name(pod)}" to be'
    steps: list[str] = []
    for kind, step in (("PodScheduled", "scheduled"), ("Initialized", "initialized"), ("Ready", "ready")):
        steps.append(f"{title} {step}")
        found = condition(pod, kind)
        if found is None:
            return PodState(False, steps)
        done = found.get("status") == "True" or (kind == "Ready" and pluck(pod, "status", "phase") == "Succeeded")
        if not done:
            return PodState(False, steps, _blocked(pod, kind, found))
    return PodState(True, steps)


def _blocked(pod: Object, kind: str, found: Object) -> Message | None:
    text = str(found.get("message") or "") if found.get("reason") else ""
    if kind == "PodScheduled":
        # A pod that no node takes is worth a warning, not just a status: it will not get better by itself.
        return Message(WARNING, f"[Pod {short_name(pod)}]: {text}") if text else None
    errors = list(container_errors(pod))
    if not errors and not text:
        return None
    return Message(WARNING, f"[Pod {short_name(pod)}]: {text}{chr(10).join(errors)}")


def container_statuses(pod: Object) -> list[Object]:
    """The states of all containers, init containers first."""
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def container_errors(pod: Object) -> Iterator[str]:
    """What keeps each container from being ready."""
    for status in container_statuses(pod):
        if status.get("ready"):
            continue
        waiting = pluck(status, "state", "waiting") or {}
        if waiting.get("reason", "") not in _QUIET_REASONS:
            yield f"[{waiting['reason']}] {trim(waiting.get('message', ''))}"
        yield from _termination(status)


def _termination(status: Object) -> Iterator[str]:
    ended = pluck(status, "state", "terminated") or {}
    if ended.get("reason"):
        if ended.get("message"):
            yield f"[{ended['reason']}] {trim(ended['message'])}"
        else:
            yield f'container "{status["name"]}" completed with exit code {ended.get("exitCode", 0)}'
    last = pluck(status, "lastState", "terminated") or {}
    if last:
        code, reason = last.get("exitCode"), last.get("reason")
        yield f'container "{status["name"]}" terminated at {last.get("finishedAt")} ({reason}: exit code {code})'
        if last.get("message"):
            yield str(last["message"])


def trim(message: str) -> str:
    """An image pull error without the runtime's preamble."""
    preamble = "rpc error: code = Unknown desc = Error response from daemon: "
    return message.removeprefix(preamble).removesuffix(": manifest unknown")


def crashed_containers(pod: Object) -> Iterator[tuple[str, bool]]:
    """Containers that ended with an error: the name, and whether their last words are in the previous run's log."""
    for status in container_statuses(pod):
        if pluck(status, "state", "terminated", "exitCode"):
            yield status["name"], False
        elif pluck(status, "lastState", "terminated", "exitCode") and not status.get("ready"):
            yield status["name"], pluck(status, "state", "running") is None or True


class LastWords:
    """The last lines that crashed containers wrote."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def of(self, pods: Iterable[Object]) -> list[str]:
        """One text per crashed container. A container that starts up right now may have none."""
        texts: list[str] = []
        for pod in pods:
            for container, previous in crashed_containers(pod):
                lines = self._read(pod, container, previous).strip()
                if lines:
                    quoted = "\n".join(f"    {line}" for line in lines.splitlines()[-LOG_LINES:])
                    texts.append(f'[Pod {short_name(pod)}]: the last lines of container "{container}":\n{quoted}')
        return texts

    def refusals(self, owner: Object) -> list[str]:
        """Why the API server refused to make the owner's pods, from its events; the latest of each kind."""
        query = {"fieldSelector": f"involvedObject.uid={pluck(owner, 'metadata', 'uid')},type=Warning"}
        try:
            events = self._cluster.list(EVENTS, namespace(owner), query).get("items") or []
        except PluginError:
            return []
        latest = {event.get("reason"): f"[{event.get('reason')}] {event.get('message')}" for event in events}
        return list(latest.values())

    def _read(self, pod: Object, container: str, previous: bool) -> str:
        try:
            text = self._cluster.logs(pod, container, previous=previous, lines=LOG_LINES)
            return text or self._cluster.logs(pod, container, previous=not previous, lines=LOG_LINES)
        except PluginError:
            return ""


class PodWatch:
    """The pods that belong to an object, and what is wrong with them."""

    def __init__(
        self, belongs: Callable[[Object], bool], last_words: LastWords | None = None, owner: Object | None = None
    ) -> None:
        self._belongs = belongs
        self._owner = owner
        self._last_words = last_words
        self._pods: dict[str, Object] = {}

    def observe(self, kind: str, pod: Object) -> None:
        """Take in a change of any pod of the namespace."""
        if kind == "DELETED":
            self._pods.pop(name(pod), None)
        else:
            self._pods[name(pod)] = pod

    @property
    def pods(self) -> list[Object]:
        """The pods that belong here now."""
        return [pod for pod in self._pods.values() if self._belongs(pod)]

    def messages(self) -> list[Message]:
        """What blocks each pod."""
        found = [pod_state(pod).message for pod in self.pods]
        return [message for message in found if message is not None and message.severity != INFO]

    def texts(self) -> list[str]:
        """What blocks each pod, with the last words of those that crashed."""
        words: list[str] = []
        if self._last_words is not None:
            words = self._last_words.of(self.pods)
            if self._owner is not None and not self.pods:
                words += self._last_words.refusals(self._owner)
        return [message.text for message in self.messages()] + words
