"""The operator's HTTP server: probes, and answers to HTTP-01 challenges, which the gateway passes on from port 80."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CHALLENGE = "/.well-known/acme-challenge/"
_SECONDS = 10
log = logging.getLogger("domains")


def serve(host: str, port: int, ready: Callable[[], bool], challenge: Callable[[str], str | None]) -> int:
    """Answer in the background. `port`: 0 means any free one. Returns the port."""

    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS
        server_version, sys_version = "groundwork-domains", ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/healthz":
                self._answer(200, "alive")
            elif path == "/readyz":
                self._answer(*((200, "ready") if ready() else (503, "zones are not served yet")))
            else:
                found = challenge(path.removeprefix(CHALLENGE)) if path.startswith(CHALLENGE) else None
                self._answer(*((404, "not found") if found is None else (200, found)))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the library's name
            """Probes are not logged."""

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = _Server((host, port), Handler)
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return int(server.server_address[1])


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 – the library's names
        """Whoever asked went away, or spoke no HTTP: one line, not a traceback."""
        log.info("a request was not answered: %r", sys.exception())
