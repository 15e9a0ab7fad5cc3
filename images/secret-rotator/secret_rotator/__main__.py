"""The process: rounds until SIGTERM, metrics and health beside them."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path

from prometheus_client import CollectorRegistry

from secret_rotator.rotator import Rotator
from secret_rotator.serving import serve
from secret_rotator.store import Store


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
    serve(registry)
    while not ended.is_set():
        rotator.round()
        ended.wait(seconds)


if __name__ == "__main__":
    main()
