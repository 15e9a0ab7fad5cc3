"""What long work shows while it runs: a live line on a terminal, plain lines when piped."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

HEARTBEAT_SECONDS = 30.0


class Progress(Protocol):
    """Where long work says what it is doing."""

    def say(self, line: str) -> None:
        """One finished line, which stays."""

    def step(self, title: str) -> AbstractContextManager[Step]:
        """A piece of work with a title; shows the time it takes, and how it ended."""


class Step:
    """One piece of work under way. `detail` may be set from any thread."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.started = time.monotonic()
        self.detail = ""

    def update(self, detail: str) -> None:
        """What is being done just now, such as "kubelet (3 of 7)"."""
        self.detail = detail

    @property
    def seconds(self) -> float:
        """How long it has been under way."""
        return time.monotonic() - self.started

    def line(self, state: str) -> str:
        """The step as one plain line."""
        detail = f" – {self.detail}" if self.detail else ""
        return f"{state} {self.title}{detail} ({self.seconds:.0f} s)"


class PlainProgress:
    """Lines for logs and pipes: when a step starts to be long, every half minute, and when it ends."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def say(self, line: str) -> None:
        """One line, at once."""
        print(line, file=self._stream or sys.stderr, flush=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Say how the step goes, and how it ended."""
        step, done = Step(title), threading.Event()

        def heartbeat() -> None:
            while not done.wait(HEARTBEAT_SECONDS):
                self.say(step.line("…"))

        thread = threading.Thread(target=heartbeat, daemon=True)
        thread.start()
        mark = "✗"
        try:
            yield step
            mark = "✓"
        finally:
            done.set()
            thread.join()
            self.say(step.line(mark))


class LiveProgress:
    """A spinner with the running time, on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True, highlight=False)

    def say(self, line: str) -> None:
        """One line above the spinner."""
        self._console.print(line, markup=False)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Spin while the step runs; leave one line when it has ended."""
        from rich.status import Status
        from rich.text import Text

        step = Step(title)

        class Line:
            def __rich__(self) -> Text:
                return Text(step.line("").strip())

        mark = "[red]✗[/red]"
        try:
            with Status(Line(), console=self._console, refresh_per_second=4):
                yield step
            mark = "[green]✓[/green]"
        finally:
            from rich.markup import escape

            self._console.print(f"{mark} {escape(step.line('').strip())}")


def progress() -> Progress:
    """Live on a terminal, plain otherwise."""
    return LiveProgress() if sys.stderr.isatty() else PlainProgress()


def print_columns(rows: Iterable[Sequence[str]]) -> None:
    """Rows of as many cells each, one below the other, for people and for `cut`."""
    table = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
