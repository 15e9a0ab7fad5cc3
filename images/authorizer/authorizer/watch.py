"""Keeps the directory as the API server has it: list, then watch, and never forget what was known."""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypedDict, TypeVar, cast

from kubernetes import client, config
from kubernetes.watch import Watch
from pydantic import JsonValue, ValidationError

from components.platform.specs import GROUP, VERSION, ApiKey, Domain, Metadata, Tenant

Kind = TypeVar("Kind", Tenant, ApiKey, Domain)
Object = Mapping[str, JsonValue]
_watch: Callable[[], Watch] = Watch  # the library says nothing of types
PAGE = 500
# A watch is renewed after so long, from where it was: a connection that died in silence is noticed soon.
WATCH_SECONDS = 10
SILENCE_SECONDS = 15
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 3.0
_log = logging.getLogger("authorizer.watch")


def connect(kubeconfig: Path | None) -> client.CustomObjectsApi:
    """The API server, as the pod's account or as the kubeconfig says."""
    load: Callable[[], None] = config.load_incluster_config
    if kubeconfig is not None:
        load = functools.partial(config.load_kube_config, str(kubeconfig))
    load()
    return client.CustomObjectsApi()


class Event(TypedDict):
    """What a watch gives."""

    type: str
    object: Object


class Page(TypedDict):
    """What a list gives. `metadata`: its version, and where the next page begins, if there is one."""

    items: list[Object]
    metadata: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Source(Generic[Kind]):
    """One kind, over all namespaces, and what to do with its objects.

    `replace`: these are all; `put`: this one is new or changed; `drop` (namespace, name): it is gone.
    """

    kind: type[Kind]
    replace: Callable[[list[Kind]], None]
    put: Callable[[Kind], None]
    drop: Callable[[str, str], None]

    def read(self, item: Object) -> Kind | None:
        """The object; None for one that cannot be used: it is said, and counts as not there."""
        try:
            return self.kind.model_validate(item)
        except ValidationError as error:
            where = [".".join(map(str, each["loc"])) for each in error.errors()]
            _log.error(f"{self.kind.__name__} that cannot be used", extra={"fields": {"wrong": where}})
            return None


@dataclass(kw_only=True)
class Watcher(Generic[Kind]):
    """Follows one kind in a thread of its own. `post` runs a change in the thread that serves.

    `seen`: when the API server last answered (`time.monotonic`); None before the first list.
    """

    api: client.CustomObjectsApi
    source: Source[Kind]
    post: Callable[[Callable[[], None]], None]
    resync: float
    seen: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """List and watch until `stop`; what fails is tried again, after a pause that grows to 3 s."""
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            try:
                for _ in self._follow():
                    pause = FIRST_PAUSE
                    if self._stop.is_set():
                        return
            except Exception as error:  # noqa: BLE001 – whatever went wrong, what is known stays, and it goes on
                reason = getattr(error, "reason", None) or type(error).__name__
                _log.warning("the API server cannot be watched", extra={"fields": {"reason": str(reason)}})
                self._stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def stop(self) -> None:
        """End at the next word of the API server."""
        self._stop.set()

    def _follow(self) -> Iterator[None]:
        """One list, then its changes until it is time for the next list."""
        items, version = self._list()
        found = [read for item in items if (read := self.source.read(item)) is not None]
        self.post(lambda: self.source.replace(found))
        self._heard()
        yield
        until = time.monotonic() + self.resync
        while time.monotonic() < until:
            watch = _watch()
            stream: Callable[..., Iterator[Event]] = watch.stream
            for event in stream(
                self.api.list_cluster_custom_object,
                GROUP,
                VERSION,
                self.source.kind.plural,
                resource_version=version,
                allow_watch_bookmarks=True,
                timeout_seconds=WATCH_SECONDS,
                _request_timeout=(3, SILENCE_SECONDS),
            ):
                self._take(event)
                self._heard()
                yield
            self._heard()
            version = watch.resource_version or version
            yield

    def _list(self) -> tuple[list[Object], str]:
        items: list[Object] = []
        token: str | None = None
        while True:
            answer = self.api.list_cluster_custom_object(
                GROUP, VERSION, self.source.kind.plural, limit=PAGE, _continue=token, _request_timeout=(3, 10)
            )
            page = cast("Page", answer)
            items += page["items"]
            token = page["metadata"].get("continue")
            if not token:
                return items, str(page["metadata"]["resourceVersion"])

    def _take(self, event: Event) -> None:
        if event["type"] == "BOOKMARK":
            return
        item = event["object"]
        metadata = Metadata.model_validate(item["metadata"])
        found = None if event["type"] == "DELETED" else self.source.read(item)
        if found is None:
            self.post(lambda: self.source.drop(metadata.namespace, metadata.name))
        else:
            self.post(lambda: self.source.put(found))

    def _heard(self) -> None:
        self.seen = time.monotonic()
