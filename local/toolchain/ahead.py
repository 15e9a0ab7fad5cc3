"""Sources of the programs that are built next, fetched while the one before them is compiled."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.toolchain import cache
from local.toolchain.go import Go
from local.toolchain.programs import Pin, Program


@contextmanager
def fetching(programs: Sequence[Program], go: Go, toolchain: Path) -> Iterator[None]:
    """Fetch what the programs after the first are made of, in their order, until the block ends.

    What cannot be fetched is left to the build, which says why.
    """
    with tempfile.TemporaryDirectory(prefix=cache.WORK_PREFIX, dir=toolchain) as work:
        fetcher = _Fetcher(programs[1:], go, Path(work))
        fetcher.start()
        try:
            yield
        finally:
            fetcher.stop()


class _Fetcher(threading.Thread):
    def __init__(self, programs: Sequence[Program], go: Go, work: Path) -> None:
        super().__init__(daemon=True)
        self._pins: dict[Pin, list[str]] = {}
        for program in programs:
            self._pins.setdefault(program.pin, []).append(program.package)
        self._go, self._work = go, work
        self._lock, self._stopped = threading.Lock(), False
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        for pin, packages in self._pins.items():
            process = self._begin(pin, packages)
            if process is None:
                return
            process.wait()

    def _begin(self, pin: Pin, packages: Sequence[str]) -> subprocess.Popen[bytes] | None:
        """Have Go load all that these packages import, for which it fetches the modules; None once stopped."""
        tags = ["-tags", pin.tags] if pin.tags else []
        with self._lock:
            if self._stopped:
                return None
            self._process = subprocess.Popen(
                [self._go.path, "list", "-deps", *tags, *packages],
                cwd=pin.folder,
                env=self._go.environment(self._work),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            return self._process

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()
        self.join()
