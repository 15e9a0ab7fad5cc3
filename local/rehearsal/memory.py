"""How much memory a run takes: of this process and all that it started."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.rehearsal.beside import again

_SAMPLE_SECONDS = 1.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


def resident() -> int:
    """Bytes in memory now, shared pages counted as often as they are shared."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
            parents[int(folder.name)], pages[int(folder.name)] = int(fields[1]), int(fields[21])
        except (OSError, IndexError):  # it has ended meanwhile
            continue
    return _PAGE * sum(count for process, count in pages.items() if _is_ours(process, parents))


def _is_ours(process: int, parents: dict[int, int]) -> bool:
    while process > 1:
        if process == os.getpid():
            return True
        process = parents.get(process, 0)
    return False


@contextmanager
def peak() -> Iterator[list[int]]:
    """The highest of samples taken each second; its one value is the bytes so far."""
    highest = [0]

    def sample() -> None:
        highest[0] = max(highest[0], resident())

    with again(sample, _SAMPLE_SECONDS):
        yield highest
