"""Progress that nobody sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from groundwork.console import Step


class Quiet:
    def say(self, line: str) -> None:
        """Nothing is shown."""

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        yield Step(title)
