"""The loop that feeds events to a state machine until it is ready, fails or runs out of time."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from local.kubernetes_plugin.cluster import Cluster, Resource
from local.kubernetes_plugin.errors import NotReadyError
from local.kubernetes_plugin.informers import Event, Informers
from local.kubernetes_plugin.objects import name, namespace
from local.plugin.host import Log
from local.plugin.values import Object

DEFAULT_TIMEOUT: Final = 600.0
_POLL: Final = 0.25
_REPORT_EVERY: Final = 10.0


class Awaiter(Protocol):
    """What it means for one kind of object to be ready. Fed with events; no input or output of its own."""

    obj: Object

    @property
    def follows(self) -> Sequence[Resource]:
        """The collections whose events it needs."""

    def observe(self, event: Event) -> None:
        """Take in one change."""

    def ready(self) -> bool:
        """Whether the object is ready as far as is known; reports progress."""

    def failed(self) -> bool:
        """Whether it cannot become ready any more."""

    def report(self) -> None:
        """Show what is in the way; called every few seconds."""

    def problems(self) -> list[str]:
        """Why it is not ready."""


@dataclass(frozen=True)
class Context:
    """What a wait needs: the cluster, its streams, where to report, when to give up (seconds) and a cancel flag."""

    cluster: Cluster
    informers: Informers
    log: Log
    cancelled: threading.Event
    timeout: float = DEFAULT_TIMEOUT


def wait(context: Context, awaiter: Awaiter) -> None:
    """Block until `awaiter` is ready. Raises `NotReadyError` with its problems when it fails or time is up."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    streams = [context.informers.stream(resource, namespace(awaiter.obj)) for resource in awaiter.follows]
    for stream in streams:
        stream.subscribe(events)
    try:
        _feed(context, awaiter, events)
    finally:
        for stream in streams:
            stream.unsubscribe(events)


def _feed(context: Context, awaiter: Awaiter, events: queue.SimpleQueue[Event]) -> None:
    now = time.monotonic()
    deadline, next_report = now + context.timeout, now + _REPORT_EVERY
    while not awaiter.ready():
        if awaiter.failed():
            raise not_initialized(awaiter)
        now = time.monotonic()
        if context.cancelled.is_set():
            message = f'Resource operation was cancelled for "{name(awaiter.obj)}"'
            raise NotReadyError(message, awaiter.obj, awaiter.problems())
        if now >= deadline:
            message = f"'{name(awaiter.obj)}' timed out waiting to be Ready"
            raise NotReadyError(message, awaiter.obj, awaiter.problems())
        if now >= next_report:
            awaiter.report()
            next_report = now + _REPORT_EVERY
        try:
            awaiter.observe(events.get(timeout=min(_POLL, deadline - now)))
        except queue.Empty:
            continue


def not_initialized(awaiter: Awaiter) -> NotReadyError:
    """The error for an object that is there but is not what it should be."""
    message = f"Resource '{name(awaiter.obj)}' was created but failed to initialize"
    return NotReadyError(message, awaiter.obj, awaiter.problems())


def check_now(context: Context, awaiter: Awaiter) -> None:
    """Judge the object by the cluster's state at this moment. Raises `NotReadyError`."""
    for resource in awaiter.follows:
        listed = context.cluster.list(resource, namespace(awaiter.obj))
        kind = str(listed.get("kind", "")).removesuffix("List")
        for item in listed.get("items") or []:
            whole = {"apiVersion": listed.get("apiVersion"), "kind": kind, **item}
            awaiter.observe(Event(resource, "ADDED", whole))
    if not awaiter.ready():
        raise not_initialized(awaiter)
