"""What is done again and again beside a rehearsal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from groundwork.errors import UserError
from local.plugin.errors import PluginError

# Each look at a cluster starts a program or two.
_LOOK_SECONDS = 3.0


@contextmanager
def again(look: Callable[[], None], seconds: float = _LOOK_SECONDS) -> Iterator[None]:
    """Call `look` every few seconds for as long as the block lasts. What does not answer is asked the next time."""
    stopped = threading.Event()

    def follow() -> None:
        while True:
            with suppress(PluginError, UserError):
                look()
            if stopped.wait(seconds):
                return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
