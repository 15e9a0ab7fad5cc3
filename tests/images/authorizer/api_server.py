"""An API server that knows three kinds: list, watch, create and patch, over plain HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.images.authorizer.samples import Object

PREFIX = "/apis/groundwork.internal/v1alpha1/"
PLURALS = {"Tenant": "tenants", "ApiKey": "apikeys", "Domain": "domains"}
KINDS = {plural: kind for kind, plural in PLURALS.items()}


class Objects:
    """What the API server has, with every change since the beginning."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.version = 1
        self.closing = False
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._events: list[tuple[int, str, str, Object]] = []

    def put(self, body: Object) -> None:
        """Make or replace an object, as `kubectl apply` does."""
        plural, place = _place(body)
        with self.changed:
            kind = "MODIFIED" if place in self._objects else "ADDED"
            self._note(kind, plural, place, body)

    def delete(self, body: Object) -> None:
        """Take an object away."""
        plural, place = _place(body)
        with self.changed:
            self._note("DELETED", plural, place, self._objects[place])
            del self._objects[place]

    def get(self, body: Object) -> Object:
        """The object as it is now."""
        with self.changed:
            return self._objects[_place(body)[1]]

    def list(self, plural: str, namespace: str | None = None, name: str | None = None) -> Object:
        """As the API server lists it."""
        with self.changed:
            items = [
                body
                for place, body in self._objects.items()
                if place[0] == plural and namespace in {None, place[1]} and name in {None, place[2]}
            ]
            return {"kind": "List", "metadata": {"resourceVersion": str(self.version)}, "items": items}

    def watch(self, plural: str, since: int, seconds: float) -> Iterator[Object]:
        """Changes after `since`, for so long."""
        until = time.monotonic() + seconds
        while True:
            with self.changed:
                found = [event for event in self._events if event[0] > since and event[2] == plural]
                left = until - time.monotonic()
                if not found and (left <= 0 or self.closing):
                    return
                if not found:
                    self.changed.wait(min(left, 0.5))
            for version, kind, _, body in found:
                since = version
                yield {"type": kind, "object": body}

    def patch(self, place: tuple[str, str, str], part: str, patch: Object) -> tuple[int, Object]:
        """Merge a change into `spec` or `status`, if the object is still of that version: status code and answer."""
        with self.changed:
            known = self._objects.get(place)
            if known is None:
                return 404, {"kind": "Status", "reason": "NotFound"}
            if patch["metadata"]["resourceVersion"] != known["metadata"]["resourceVersion"]:
                return 409, {"kind": "Status", "reason": "Conflict"}
            self._note("MODIFIED", place[0], place, known | {part: known.get(part, {}) | patch[part]})
            return 200, self._objects[place]

    def _note(self, kind: str, plural: str, place: tuple[str, str, str], body: Object) -> None:
        self.version += 1
        metadata = body["metadata"] | {"resourceVersion": str(self.version)}
        self._objects[place] = body | {"metadata": metadata}
        self._events.append((self.version, kind, plural, self._objects[place]))
        self.changed.notify_all()


def _place(body: Object) -> tuple[str, tuple[str, str, str]]:
    plural = PLURALS[body["kind"]]
    return plural, (plural, body["metadata"]["namespace"], body["metadata"]["name"])


@contextmanager
def serving(objects: Objects, port: int = 0) -> Iterator[int]:
    """Serve the objects; gives the port. Leaving it cuts every connection, as when the server dies."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            super().handle_one_request()
            self.close_connection = self.close_connection or objects.closing

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            words = parts.path.removeprefix(PREFIX).split("/")
            plural, namespace = words[-1], words[1] if words[0] == "namespaces" else None
            if objects.closing:
                return
            if plural not in KINDS:
                self._send(404, {"kind": "Status"})
            elif "watch" in query:
                self._watch(plural, int(query["resourceVersion"]), float(query["timeoutSeconds"]))
            else:
                name = query.get("fieldSelector", "").removeprefix("metadata.name=")
                self._send(200, objects.list(plural, namespace, name or None))

        def do_POST(self) -> None:
            objects.put(self._body())
            self._send(201, {})

        def do_PATCH(self) -> None:
            _, namespace, plural, name, *part = self.path.removeprefix(PREFIX).split("/")
            self._send(*objects.patch((plural, namespace, name), part[0] if part else "spec", self._body()))

        def _body(self) -> Object:
            body: Object = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            return body

        def _watch(self, plural: str, since: int, seconds: float) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for event in objects.watch(plural, since, seconds):
                self._chunk(json.dumps(event).encode() + b"\n")
            self._chunk(b"")

        def _chunk(self, data: bytes) -> None:
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

        def _send(self, status: int, body: Object) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the library's name
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that has gone is nothing to say."""

    objects.closing = False
    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_port
    finally:
        objects.closing = True
        server.shutdown()
        server.server_close()
        thread.join()


def kubeconfig(folder: Path, port: int) -> Path:
    """A kubeconfig that leads there."""
    file = folder / "kubeconfig"
    cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "contexts": [context],
        "users": [{"name": "u", "user": {}}],
        "current-context": "c",
    }
    file.write_text(yaml.safe_dump(body))
    return file
