"""One build at a time on a machine, also across processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from groundwork.console import Progress
from groundwork.errors import UserError


@contextmanager
def held(path: Path, progress: Progress) -> Iterator[int]:
    """Hold the lock of a file and give its descriptor; waits, and says so, while another run has it.

    The kernel lets go of it when the last process that has the descriptor ends: whoever passes it on to a child also
    keeps others out until that child is gone, even when this process was killed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UserError(
            what=f"cannot write the tool chain's folder: {error.strerror}",
            where=str(path.parent),
            fix="make it writable, or point XDG_CACHE_HOME at a folder that is",
        ) from error
    try:
        _acquire(descriptor, path, progress)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, progress: Progress) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = path.read_text(encoding="ascii", errors="replace").strip() or "unknown"
        with progress.step(f"Waiting for the programs that process {holder} began to build"):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
