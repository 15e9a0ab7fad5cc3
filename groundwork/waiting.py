"""The one place that waits: for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

INTERVAL_SECONDS = 0.1


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask `condition` until it holds or `seconds` have passed; returns whether it held."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(INTERVAL_SECONDS)
    return True
