"""`make bench`: the limits that the issues set, measured on this machine, each with pass or fail.

Not part of the tests: a timing depends on the machine. Exit code 99 when a limit is not held.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from groundwork.errors import ExitCode
from tests import bench_tenants
from tests.cluster import gateway_bench, limits_bench
from tests.command import copy_of_checkout

GROUNDWORK = (sys.executable, "-m", "groundwork")
# The engine's own command, as docs/up.md says; it fails by itself where it would change something.
PLAIN = """eval "$("$0" -m groundwork env)"; exec pulumi preview --stack local --expect-no-changes --non-interactive"""
RUNS = 3


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What is measured, in seconds, and the most it may be. `check`: what must hold of the command's output."""

    name: str
    command: tuple[str, ...]
    most: float
    check: Callable[[str], bool]


def unchanged(output: str) -> bool:
    """Whether the command's JSON says that no resource was touched."""
    return bool(json.loads(output)["changed"] == 0)


def groundwork(*arguments: str) -> tuple[str, ...]:
    """Our own command line."""
    return (*GROUNDWORK, *arguments)


LIMITS = (
    Limit(name="warm `groundwork up local`", command=groundwork("up", "local", "--json"), most=60, check=unchanged),
    Limit(
        name="`pulumi preview` of the environment",
        command=("sh", "-c", PLAIN, sys.executable),
        most=10,
        check=lambda text: "unchanged" in text,
    ),
    Limit(
        name="preview of one tenant",
        command=groundwork("preview", "local.acme", "--json"),
        most=5,
        check=unchanged,
    ),
    Limit(name="`groundwork --help`", command=groundwork("--help"), most=1, check=lambda text: "up" in text),
)


def measure(limit: Limit, checkout: Path) -> list[float]:
    """Seconds of each of a few runs. Raises when the command fails or its output is not as it must be."""
    seconds = []
    for _ in range(RUNS):
        started = time.monotonic()
        done = subprocess.run(limit.command, cwd=checkout, capture_output=True, text=True, check=True)
        seconds.append(time.monotonic() - started)
        if not limit.check(done.stdout):
            raise RuntimeError(f"{limit.name}: not as expected:\n{done.stdout}")
    return seconds


def main() -> int:
    """Print a row a limit."""
    held = True
    print(f"{'':35} {'limit':>7} {'median':>8} {'min':>8} {'max':>8}")
    with tempfile.TemporaryDirectory(prefix="gwb") as folder:
        # A copy, as the plain engine writes into the stack's settings.
        checkout = copy_of_checkout(Path(folder) / "c")
        for limit in LIMITS:
            seconds = measure(limit, checkout)
            fits = median(seconds) <= limit.most
            held = held and fits
            figures = f"{limit.most:6.0f}s {median(seconds):7.2f}s {min(seconds):7.2f}s {max(seconds):7.2f}s"
            print(f"{limit.name:35} {figures}  {'pass' if fits else 'FAIL'}")
    held = limits_bench.main() and held
    gateway_bench.main()
    print()
    held = bench_tenants.show(bench_tenants.measure()) and held
    return ExitCode.PASS if held else ExitCode.FAIL


if __name__ == "__main__":
    sys.exit(main())
