"""What the operator watches, kept in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from types import SimpleNamespace

from kubernetes import client
from kubernetes.informer import ADDED, DELETED, MODIFIED, SharedInformer

from components.platform.specs import GROUP, VERSION, Domain
from domains_operator.objects import OBJECT, parse, texts

# The ConfigMap by which the leader shares answers to challenges with every replica.
CHALLENGES = "challenges"
_RESYNC_SECONDS = 300
_TIMEOUT = (5, 30)
_WATCH_TIMEOUT = (5, _RESYNC_SECONDS + 30)


class Watch:
    """Keeps Domains (all namespaces) and published challenges in memory; calls `changed` at every change."""

    def __init__(self, namespace: str, changed: Callable[[], None]) -> None:
        self._lists = threading.Semaphore(0)
        custom, core = client.CustomObjectsApi(), client.CoreV1Api()

        def domains(
            *,
            watch: bool = False,
            resource_version: str | None = None,
            timeout_seconds: int | None = None,
            _preload_content: bool = True,
        ) -> object:
            found = custom.list_custom_object_for_all_namespaces(
                GROUP,
                VERSION,
                Domain.plural,
                watch=watch,
                resource_version=resource_version,
                timeout_seconds=timeout_seconds,
                _preload_content=_preload_content,
                _request_timeout=_WATCH_TIMEOUT if watch else _TIMEOUT,
            )
            return found if watch else self._listed(found)

        def challenges(
            *,
            watch: bool = False,
            resource_version: str | None = None,
            timeout_seconds: int | None = None,
            _preload_content: bool = True,
        ) -> object:
            found = core.list_namespaced_config_map(
                namespace,
                field_selector=f"metadata.name={CHALLENGES}",
                watch=watch,
                resource_version=resource_version,
                timeout_seconds=timeout_seconds,
                _preload_content=_preload_content,
                _request_timeout=_WATCH_TIMEOUT if watch else _TIMEOUT,
            )
            return found if watch else self._listed(client.ApiClient().sanitize_for_serialization(found))

        self._informers = [SharedInformer(each, resync_period=_RESYNC_SECONDS) for each in (domains, challenges)]
        for informer in self._informers:
            for kind in (ADDED, MODIFIED, DELETED):
                informer.add_event_handler(kind, lambda _object: changed())

    def start(self) -> None:
        """Begin, and come back when everything was listed once. Raises TimeoutError after a minute."""
        for informer in self._informers:
            informer.start()
        for _ in self._informers:
            if not self._lists.acquire(timeout=60):
                raise TimeoutError("the API server did not list what is watched")

    def domains(self) -> list[Domain]:
        """Every Domain that can be read."""
        found = (parse(OBJECT.validate_python(each)) for each in self._informers[0].cache.list())
        return sorted((each for each in found if each is not None), key=lambda each: each.metadata.uid)

    def challenges(self) -> Mapping[str, str]:
        """The data of the ConfigMap of challenges."""
        data: dict[str, str] = {}
        for each in self._informers[1].cache.list():
            data |= texts(OBJECT.validate_python(each).get("data"))
        return data

    def _listed(self, found: object) -> SimpleNamespace:
        """A list as the informer wants it: it reads attributes, and custom objects come as plain dictionaries."""
        whole = OBJECT.validate_python(found)
        version = OBJECT.validate_python(whole["metadata"]).get("resourceVersion")
        self._lists.release()
        return SimpleNamespace(items=whole["items"], metadata=SimpleNamespace(resource_version=version))
