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
import time

from groundwork.console import PlainProgress
from groundwork.errors import ExitCode
from local import toolchain
from tests import bare_program, bench_engine

ROUNDS = 5


def seconds(*command: str, path: str) -> tuple[float, str]:
    """How long a program in Python takes, and what it writes."""
    environment = {**os.environ, "GROUNDWORK_PYTHON": sys.executable, "PATH": path}
    started = time.monotonic()
    done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=True)
    return time.monotonic() - started, done.stdout


def main(environment: str = bench_engine.ENVIRONMENT) -> bool:
    """Measure and show; whether the limit is held."""
    ours: list[float] = []
    bare: list[float] = []
    count = 0
    # Built before the clock runs, where it is not there yet.
    pulumi = toolchain.ensure(["pulumi"], progress=PlainProgress()).path("pulumi")
    path = os.pathsep.join((str(pulumi.parent), os.environ.get("PATH", os.defpath), str(bench_engine.NOOP_PLUGIN)))
    for _ in range(ROUNDS):
        taken, said = seconds("-m", "groundwork", "preview", environment, "--json", path=path)
        ours.append(taken)
        count = len(json.loads(said)["steps"])
        bare.append(seconds(bare_program.__file__, str(count), path=path)[0])
    return bench_engine.show(environment, count, {environment: ours, "bare": bare})


if __name__ == "__main__":
    sys.exit(ExitCode.PASS if main(*sys.argv[1:2]) else ExitCode.FAIL)
