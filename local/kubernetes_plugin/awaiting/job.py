"""A Job is ready when it is complete. One that failed is not waited for any longer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from local.kubernetes_plugin.awaiting.pods import PodWatch, condition, pod_state, short_name
from local.kubernetes_plugin.cluster import PODS, Resource
from local.kubernetes_plugin.informers import Event
from local.kubernetes_plugin.objects import name, owned_by, pluck
from local.plugin.host import INFO, Log
from local.plugin.values import Object

JOBS: Final = Resource("batch", "v1", "jobs", namespaced=True)
_PASSING: Final = "containers with unready status"


def job_failure(job: Object) -> str:
    """Why the Job failed; empty if it did not."""
    failed = condition(job, "Failed")
    if failed is None or failed.get("status") != "True":
        return ""
    return f"[{failed.get('reason', 'Failed')}] {failed.get('message', '')}"


def job_done(job: Object) -> bool:
    """Whether the Job is complete."""
    return (condition(job, "Complete") or {}).get("status") == "True" and not job_failure(job)


class JobAwaiter:
    """See the module."""

    def __init__(self, obj: Object, log: Log, pods: PodWatch | None = None) -> None:
        self.obj = obj
        self._log = log
        self._done = False
        self._messages: list[str] = []
        self.pods = pods or PodWatch(lambda pod: owned_by(pod, self.obj))

    @property
    def follows(self) -> Sequence[Resource]:
        """See `Awaiter`."""
        return (JOBS, PODS)

    def observe(self, event: Event) -> None:
        """See `Awaiter`."""
        if event.resource == PODS:
            self.pods.observe(event.type, event.obj)
            if event.type != "DELETED" and self.pods.pods and owned_by(event.obj, self.obj):
                self._observe_pod(event.obj)
        elif name(event.obj) == name(self.obj) and event.type != "DELETED":
            self._observe_job(event.obj)

    def _observe_pod(self, pod: Object) -> None:
        message = pod_state(pod).message
        if message is None or message.text in self._messages:
            return
        self._messages.append(message.text)
        # A pod that is not ready yet is part of every Job; it is a reason only if the Job fails.
        if _PASSING not in message.text:
            self._log.status(message.severity, message.text)

    def _observe_job(self, job: Object) -> None:
        self.obj = job
        status = job.get("status") or {}
        self._log.status(INFO, f'Waiting for Job "{short_name(job)}" to start')
        if pluck(job, "status", "startTime"):
            counts = (f"{label}: {int(status.get(label.lower()) or 0)}" for label in ("Active", "Succeeded", "Failed"))
            self._log.status(INFO, f'Waiting for Job "{short_name(job)}" to succeed ({" | ".join(counts)})')
        self._done = job_done(job)

    def ready(self) -> bool:
        """See `Awaiter`."""
        return self._done

    def failed(self) -> bool:
        """See `Awaiter`."""
        return bool(job_failure(self.obj))

    def report(self) -> None:
        """See `Awaiter`: everything was said when it happened."""

    def problems(self) -> list[str]:
        """See `Awaiter`."""
        failure = job_failure(self.obj)
        words = [text for text in self.pods.texts() if text not in self._messages]
        return [*self._messages, *([failure] if failure else []), *words]
