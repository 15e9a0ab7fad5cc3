"""How often each key is used: counted now and then in the key's object, which outlives restarts."""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from authorizer.directory import Directory
from components.platform.specs import GROUP, VERSION, ApiKey

_log = logging.getLogger("authorizer.usage")
# The most objects that one round writes; the others wait for the next.
MOST_WRITTEN = 500
Place = tuple[str, str]


@dataclass(kw_only=True)
class Uses:
    """What was counted of one key since it was last written."""

    requests: int = 0
    last: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(kw_only=True)
class Usage:
    """Counts uses and writes them. Several authorizers write the same objects: each adds to what it read, and a write
    that meets another's is done again in the next round. What a killed process had not written is lost.
    """

    api: client.CustomObjectsApi
    directory: Directory
    seconds: float
    _counted: dict[Place, Uses] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def count(self, key: ApiKey) -> None:
        """One more request with this key."""
        with self._lock:
            uses = self._counted.setdefault((key.metadata.namespace, key.metadata.name), Uses())
            uses.requests += 1
            uses.last = datetime.now(UTC)

    def run(self) -> None:
        """Write every `seconds`, give or take a fifth, until `stop`; then once more."""
        while not self._stop.wait(self.seconds * random.uniform(0.8, 1.2)):  # noqa: S311 – to spread load
            self.flush()
        self.flush()

    def stop(self) -> None:
        """Write what there is and end."""
        self._stop.set()

    def flush(self) -> None:
        """Write what was counted; what cannot be written stays counted."""
        with self._lock:
            places = list(self._counted)[:MOST_WRITTEN]
            taken = {place: self._counted.pop(place) for place in places}
        for place, uses in taken.items():
            if not self._written(place, uses):
                self._put_back(place, uses)

    def _written(self, place: Place, uses: Uses) -> bool:
        namespace, name = place
        key = self.directory.key(namespace, name)
        if key is None:
            return True
        body = {
            "metadata": {"resourceVersion": key.metadata.resource_version},
            "status": {
                "requests": key.status.requests + uses.requests,
                "lastUsedAt": uses.last.isoformat(timespec="seconds").replace("+00:00", "Z"),
            },
        }
        try:
            self.api.patch_namespaced_custom_object_status(
                GROUP, VERSION, namespace, ApiKey.plural, name, body, _request_timeout=(3, 5)
            )
        except ApiException as error:
            if error.status not in {HTTPStatus.CONFLICT, HTTPStatus.NOT_FOUND}:
                _log.warning("uses of a key cannot be written", extra={"fields": {"reason": str(error.reason)}})
            return bool(error.status == HTTPStatus.NOT_FOUND)
        except HTTPError as error:
            _log.warning("uses of a key cannot be written", extra={"fields": {"reason": type(error).__name__}})
            return False
        return True

    def _put_back(self, place: Place, uses: Uses) -> None:
        with self._lock:
            again = self._counted.setdefault(place, Uses(last=uses.last))
            again.requests += uses.requests
            again.last = max(again.last, uses.last)
