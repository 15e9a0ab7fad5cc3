"""An `up` in a process of its own, killed with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from groundwork.waiting import wait_until
from local.paths import CHECKOUT

_UP_SECONDS = 300.0
# Plugins look once a second.
_END_SECONDS = 60.0


def begun(journal: Path) -> int:
    """How many resources of AWS the engine has begun to make."""
    return len(list(journal.glob("*.json")))


def kill_at(program: str, arguments: Sequence[str], journal: Path, count: int) -> bool:
    """Run a program in Python; kill engine, program and plugins once `count` resources were begun, wherever they are.

    Gives whether it was still running then.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=CHECKOUT, env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    wait_until(lambda: process.poll() is not None or begun(journal) >= count, _UP_SECONDS)
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        # The engine gives plugins and policy packs groups of their own: they must see for themselves that it is gone.
        assert wait_until(lambda: not _of_session(process.pid), _END_SECONDS), _of_session(process.pid)
    return running


def _of_session(session: int) -> list[str]:
    """The command lines of all processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] != "Z":
                found.append((stat.parent / "cmdline").read_text().replace("\0", " "))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
