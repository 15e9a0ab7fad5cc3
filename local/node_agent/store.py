"""What the API server last said of each kind of object, kept by one thread a kind."""

from __future__ import annotations

import http.client
import logging
import threading
import time
from typing import Generic, TypeVar

from local.node_agent.api import ApiError, Server
from local.node_agent.objects import Object

log = logging.getLogger(__name__)
T = TypeVar("T", bound=Object)
_PAUSE_SECONDS = 1.0


class Changes:
    """Wakes one waiting thread when something has changed."""

    def __init__(self) -> None:
        self._told = threading.Event()
        self._urgent = threading.Event()

    def tell(self, *, urgent: bool = False) -> None:
        """Something has changed; `urgent` where somebody waits for what comes of it."""
        self._told.set()
        if urgent:
            self._urgent.set()

    def wait(self, seconds: float | None) -> bool:
        """Wait for a change, at most `seconds`; whether there was one since the last wait."""
        told = self._told.wait(seconds)
        self._told.clear()
        self._urgent.clear()
        return told

    def rest(self, seconds: float) -> None:
        """Let changes gather, unless one is urgent."""
        self._urgent.wait(seconds)


class Collection(Generic[T]):
    """All objects of a kind. `path`: of the collection on the API server."""

    def __init__(self, kind: type[T], path: str, changes: Changes) -> None:
        self._kind = kind
        self._path = path
        self._changes = changes
        self._lock = threading.Lock()
        self._objects: dict[str, T] = {}
        self._synced = threading.Event()

    @property
    def is_synced(self) -> bool:
        """Whether it was listed at least once."""
        return self._synced.is_set()

    def objects(self) -> list[T]:
        """What is there now."""
        with self._lock:
            return list(self._objects.values())

    def follow(self, server: Server) -> None:
        """Keep up with the server, for ever. What was known stays while the server cannot be reached."""
        while True:
            try:
                self._follow_once(server)
            except (ApiError, OSError, http.client.HTTPException, ValueError) as error:
                if not (isinstance(error, ApiError) and error.status == 410):
                    log.warning("%s: %s", self._path, error)
                time.sleep(_PAUSE_SECONDS)

    def _follow_once(self, server: Server) -> None:
        listing = server.list(self._path)
        self.replace([self._kind.model_validate(item) for item in listing.items])
        version = listing.version
        while True:
            for kind, item in server.watch(self._path, version):
                metadata = item.get("metadata")
                version = str(metadata["resourceVersion"]) if isinstance(metadata, dict) else version
                if kind != "BOOKMARK":
                    self.change(kind, self._kind.model_validate(item))

    def replace(self, objects: list[T]) -> None:
        """Everything at once."""
        found = {item.key: item for item in objects}
        with self._lock:
            differs = found != self._objects or not self.is_synced
            self._objects = found
            self._synced.set()
        if differs:
            self._changes.tell()

    def change(self, kind: str, item: T) -> None:
        """One event of a watch. Told only where it changes something that the agent reads."""
        with self._lock:
            before = self._objects.get(item.key)
            if kind == "DELETED":
                self._objects.pop(item.key, None)
            else:
                self._objects[item.key] = item
            differs = before is not None if kind == "DELETED" else before != item
        if differs:
            self._changes.tell()
