"""Metrics, and health that says no more than that the process is there: a sealed OpenBao is not mended here."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

PORT = 8080


class _Quiet(WSGIRequestHandler):
    """Says nothing of each probe."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the library's name
        """Nothing."""


def serve(registry: CollectorRegistry) -> None:
    """On a thread of its own, until the process ends."""
    metrics = make_wsgi_app(registry)

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in {"/healthz", "/readyz"}:
            start("200 OK", [("content-type", "text/plain")])
            return [b"ok\n"]
        found: Iterable[bytes] = metrics(environ, start)
        return found

    server = make_server("", PORT, app, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
