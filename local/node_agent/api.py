"""The API server, as far as the agent needs it: lists, watches, patches and events over HTTPS, with no client library.

The library takes 45 MB and seconds to load; this is a process that must not be noticed.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from local.node.host.probes import Access

WATCH_SECONDS = 600
_PAGE = 500
_TIMEOUT = 30.0


class ApiError(Exception):
    """The server said no. `status`: its HTTP status, or the one in a watch's last event."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True)
class Listing:
    """What is there, and the version from which to watch."""

    items: list[dict[str, object]]
    version: str


@dataclass(frozen=True)
class Server:
    """An API server and who asks. Every method raises OSError or HTTPException when it cannot be reached."""

    url: str
    access: Access

    def list(self, path: str) -> Listing:
        """A collection, in pages. ApiError when it is refused."""
        items: list[dict[str, object]] = []
        query: dict[str, str | int] = {"limit": _PAGE}
        while True:
            page = self.request("GET", f"{path}?{urlencode(query)}")
            found, head = page.get("items"), page.get("metadata")
            items.extend(found if isinstance(found, list) else [])
            metadata = head if isinstance(head, dict) else {}
            if not metadata.get("continue"):
                return Listing(items, str(metadata.get("resourceVersion", "")))
            query["continue"] = str(metadata["continue"])

    def watch(self, path: str, version: str) -> Iterator[tuple[str, dict[str, object]]]:
        """Changes after a version, as (type, object), until the server ends the stream. ApiError when it is too old."""
        query = urlencode(
            {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "1", "timeoutSeconds": WATCH_SECONDS}
        )
        connection = self._connection(WATCH_SECONDS + _TIMEOUT)
        try:
            connection.request("GET", f"{path}?{query}")
            response = connection.getresponse()
            if response.status != 200:
                raise ApiError(response.status, response.read(500).decode(errors="replace"))
            for line in response:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError(int(event["object"].get("code", 500)), str(event["object"].get("message")))
                yield event["type"], event["object"]
        finally:
            connection.close()

    def request(
        self, method: str, path: str, body: Mapping[str, object] | None = None, content_type: str = "application/json"
    ) -> dict[str, object]:
        """One request. ApiError for every answer but success."""
        connection = self._connection(_TIMEOUT)
        try:
            headers = {} if body is None else {"Content-Type": content_type}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status not in {200, 201}:
            raise ApiError(response.status, content[:500].decode(errors="replace"))
        answer: dict[str, object] = json.loads(content)
        return answer

    def _connection(self, timeout_seconds: float) -> http.client.HTTPSConnection:
        # The certificates are read each time: `up` renews them under a running agent.
        netloc = urlsplit(self.url).netloc
        return http.client.HTTPSConnection(netloc, timeout=timeout_seconds, context=self.access.context())
