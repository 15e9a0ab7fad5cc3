"""The one place that waits: for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

INTERVAL_SECONDS = 0.1
# Between two questions it rests so many times as long as the first took, within limits. Most are programs that are
# started: asked without rest they take a processor from what they wait for, and the more the busier the machine is.
RESTS = 2.0
REST_SECONDS = 2.0


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask `condition` until it holds or `seconds` have passed; returns whether it held."""
    deadline = time.monotonic() + seconds
    while True:
        asked = time.monotonic()
        if condition():
            return True
        answered = time.monotonic()
        if answered >= deadline:
            return False
        time.sleep(min(max(INTERVAL_SECONDS, RESTS * (answered - asked)), REST_SECONDS))
