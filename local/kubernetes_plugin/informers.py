"""Following collections: one stream per kind and namespace, shared by all who wait for something in it."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import Final

from local.kubernetes_plugin.cluster import Cluster, Resource
from local.kubernetes_plugin.objects import pluck
from local.plugin.errors import PluginError
from local.plugin.values import Object

_PAUSE: Final = 0.5
_SYNC: Final = 10.0


@dataclass(frozen=True)
class Event:
    """A change of an object: `ADDED`, `MODIFIED` or `DELETED`."""

    resource: Resource
    type: str
    obj: Object


class _Stream:
    """One collection: what is in it now, and who wants to know of changes."""

    def __init__(self, cluster: Cluster, resource: Resource, in_namespace: str) -> None:
        self._cluster = cluster
        self._resource = resource
        self._namespace = in_namespace
        self._lock = threading.Lock()
        self._objects: dict[str, Object] = {}
        self._subscribers: set[queue.SimpleQueue[Event]] = set()
        self._synced = threading.Event()
        threading.Thread(target=self._run, daemon=True, name=f"watch {resource.plural}").start()

    def subscribe(self, events: queue.SimpleQueue[Event]) -> None:
        # Only what happens after the first list is told: whoever subscribes must be able to look for the rest.
        self._synced.wait(_SYNC)
        with self._lock:
            for obj in self._objects.values():
                events.put(Event(self._resource, "ADDED", obj))
            self._subscribers.add(events)

    def unsubscribe(self, events: queue.SimpleQueue[Event]) -> None:
        with self._lock:
            self._subscribers.discard(events)

    def _run(self) -> None:
        while True:
            try:
                version = self._relist()
                for kind, obj in self._cluster.watch(self._resource, self._namespace, version):
                    if kind != "BOOKMARK":
                        self._change(kind, obj)
            except (PluginError, OSError, ValueError):
                # The stream broke (server restarted, version too old, not allowed): start over, after a moment.
                # Nobody is kept waiting for a first list that may never come.
                self._synced.set()
                time.sleep(_PAUSE)

    def _relist(self) -> str:
        listed = self._cluster.list(self._resource, self._namespace)
        head = {"apiVersion": listed.get("apiVersion"), "kind": str(listed.get("kind", "")).removesuffix("List")}
        current = {str(pluck(item, "metadata", "uid")): {**head, **item} for item in listed.get("items") or []}
        with self._lock:
            gone = [obj for uid, obj in self._objects.items() if uid not in current]
        for obj in gone:
            self._change("DELETED", obj)
        for obj in current.values():
            self._change("MODIFIED", obj)
        self._synced.set()
        return str(pluck(listed, "metadata", "resourceVersion") or "")

    def _change(self, kind: str, obj: Object) -> None:
        uid = str(pluck(obj, "metadata", "uid"))
        with self._lock:
            before = self._objects.get(uid)
            if kind == "DELETED":
                self._objects.pop(uid, None)
            elif pluck(before, "metadata", "resourceVersion") == pluck(obj, "metadata", "resourceVersion"):
                return
            else:
                self._objects[uid] = obj
            for events in self._subscribers:
                events.put(Event(self._resource, kind, obj))


class Informers:
    """All streams of one cluster. A stream lives as long as the plugin, which is as long as the engine's run."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()
        self._streams: dict[tuple[Resource, str], _Stream] = {}

    def stream(self, resource: Resource, in_namespace: str) -> _Stream:
        """The stream of one collection, started if it is not running."""
        key = (resource, in_namespace if resource.namespaced else "")
        with self._lock:
            if key not in self._streams:
                self._streams[key] = _Stream(self._cluster, *key)
            return self._streams[key]
