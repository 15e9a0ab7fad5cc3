"""The end of a process whose parent is gone: one that was killed says no goodbye."""

from __future__ import annotations

import os
import threading
import time

_LOOK_SECONDS = 1.0


def end_with_parent() -> None:
    """From now on this process ends at once when the one that started it is gone."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(0)
