"""The process: rounds until SIGTERM, metrics and health beside them."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import CollectorRegistry, make_wsgi_app

from secret_rotator.rotator import Rotator
from secret_rotator.store import Store

PORT = 8080


class _Quiet(WSGIRequestHandler):
    """Says nothing of each probe."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the library's name
        """Nothing."""


def main() -> None:
    """Settings come from the environment; none of them is a secret."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    registry, ended = CollectorRegistry(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    store = Store(
        address=os.environ["OPENBAO_ADDRESS"],
        authority=Path(os.environ["OPENBAO_AUTHORITY"]),
        token=Path(os.environ["OPENBAO_TOKEN_FILE"]),
        role=os.environ["OPENBAO_ROLE"],
        mount=os.environ["OPENBAO_MOUNT"],
    )
    rotator = Rotator(store, time.time, registry)
    seconds = float(os.environ["ROUND_SECONDS"])
    _serve(registry)
    while not ended.is_set():
        rotator.round()
        ended.wait(seconds)


def _serve(registry: CollectorRegistry) -> None:
    """Metrics, and health that says no more than that the process is there: a sealed OpenBao is not mended here."""
    metrics = make_wsgi_app(registry)

    def app(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in {"/healthz", "/readyz"}:
            start("200 OK", [("content-type", "text/plain")])
            return [b"ok\n"]
        found: Iterable[bytes] = metrics(environ, start)
        return found

    server = make_server("", PORT, app, handler_class=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()


if __name__ == "__main__":
    main()
