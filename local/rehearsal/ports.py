"""Ports for one rehearsal: nothing listens on them, and no other rehearsal that begins now takes the same."""

from __future__ import annotations

import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from groundwork.errors import ExitCode, UserError

FIRST, END = 29000, 32000


@contextmanager
def free_ports(count: int, folder: Path) -> Iterator[int]:
    """The first of `count` ports in a row, held for as long as the block lasts. `folder`: where this user's rehearsals
    mark what they hold; a mark goes with its process. Raises UserError where all are taken.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for base in range(FIRST, END, count):
        with (folder / str(base)).open("w", encoding="utf-8") as mark:
            # Between the look and the moment that a server listens, another rehearsal would find them free as well.
            if _held(mark.fileno()) and all(_free(base + offset) for offset in range(count)):
                yield base
                return
    raise UserError(what=f"no {count} free ports in a row from {FIRST} to {END}", code=ExitCode.ERROR)


def _held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
