"""What `groundwork preview` costs a resource, beside the engine's preview of a bare program whose resources do nothing.

`python -m tests.bench_preview [ENVIRONMENT]`. Neither is up, and each runs in a process of its own, in turn: that is
how somebody with a fresh checkout and no account has them. `tests.bench_engine` measures what the engine does with an
environment that is up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from groundwork.errors import ExitCode
from tests import bench_engine

ROUNDS = 5


def preview_bare(count: int) -> None:
    """Preview as many resources that do nothing, in a state of this process's own."""
    from groundwork.console import PlainProgress
    from local.paths import Paths
    from local.rehearsal.stage import operator_in

    with tempfile.TemporaryDirectory() as folder:
        paths = Paths(cache=Paths.for_user().cache, data=Path(folder))
        found = (
            bench_engine.with_noop(operator_in(paths, PlainProgress()).engine)
            .stack("bare", bench_engine.bare(count))
            .preview()
        )
    assert sum(found.change_summary.values()) == count + 1, "the stack itself is one"


def seconds(*words: str) -> tuple[float, str]:
    """How long a command takes, and what it writes."""
    started = time.monotonic()
    environment = {**os.environ, "GROUNDWORK_PYTHON": sys.executable}
    done = subprocess.run([sys.executable, "-m", *words], env=environment, capture_output=True, text=True, check=True)
    return time.monotonic() - started, done.stdout


def main(environment: str = bench_engine.ENVIRONMENT) -> bool:
    """Measure and show; whether the limit is held."""
    ours: list[float] = []
    bare: list[float] = []
    count = 0
    for _ in range(ROUNDS):
        taken, said = seconds("groundwork", "preview", environment, "--json")
        ours.append(taken)
        count = len(json.loads(said)["steps"])
        bare.append(seconds("tests.bench_preview", "bare", str(count))[0])
    return bench_engine.show(environment, count, {environment: ours, "bare": bare})


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bare", count]:
            preview_bare(int(count))
        case words:
            sys.exit(ExitCode.PASS if main(*words[:1]) else ExitCode.FAIL)
