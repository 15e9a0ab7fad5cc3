"""A process that takes processor time or memory of the control groups that it joins, and ends by itself.

    python -m loadtests.faults.burden SECONDS MEBIBYTES GROUP…

MEBIBYTES 0: it takes all the processor time that it gets.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

PAGE = 4096
# The first to be ended where memory runs out: the pod's own processes are not its victims.
_VICTIM = "1000"


def main(arguments: Sequence[str]) -> None:
    """Join the groups, and press until the time is over."""
    until = time.monotonic() + float(arguments[0])
    mebibytes = int(arguments[1])
    Path("/proc/self/oom_score_adj").write_text(_VICTIM, "ascii")
    for group in arguments[2:]:
        (Path(group) / "cgroup.procs").write_text(str(os.getpid()), "ascii")
    held = bytearray(mebibytes * 2**20)
    held[::PAGE] = b"\1" * len(held[::PAGE])  # memory that is not touched is not taken
    if mebibytes:
        threading.Event().wait(max(0.0, until - time.monotonic()))
    while time.monotonic() < until:
        pass


if __name__ == "__main__":
    main(sys.argv[1:])
