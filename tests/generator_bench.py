"""How much load one core makes, beside `wrk` on the same server in one run; and how exact the percentiles are.

    python -m tests.generator_bench

A part of `make bench`. Debian's `wrk` and `haproxy` are installed where they are missing. The server answers from
memory, so that it is not what is measured; what counts is requests per second of processor time, which other work on
the machine changes less than requests a second.
"""

from __future__ import annotations

import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from groundwork.console import PlainProgress
from groundwork.verdict import Outcome
from groundwork.waiting import wait_until
from loadtests.job import Caller
from loadtests.running import Target, run
from loadtests.samples import percentile
from local.toolchain.debian import Package, ensure
from tests.bench_row import held, row
from tests.loadtests import made
from tests.loadtests.builds import HAPROXY
from tests.loadtests.server import known_server

SECONDS, CONNECTIONS = 10, 16
WRK = Package(name="wrk", purpose="sends load to compare with", programs=("wrk",))
# By how much a percentile may be off.
EXACT = 0.02
# Of the time, what the generator may stand still while that is measured.
QUIET = 0.01
ANSWER = '{\\"output\\": \\"yes\\"}'
CONFIGURATION = """
global
    maxconn 4096
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 5s
frontend answers
    bind 127.0.0.1:{port}
    http-request return status 200 content-type application/json string "{answer}"
"""


@contextmanager
def fast_server() -> Iterator[str]:
    """haproxy that answers by itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "haproxy.cfg"
        file.write_text(CONFIGURATION.format(port=port, answer=ANSWER), "utf-8")
        process = subprocess.Popen(["haproxy", "-f", str(file), "-db"], stderr=subprocess.DEVNULL)
        try:
            if not wait_until(lambda: _open(port), 10):
                raise RuntimeError("haproxy does not listen")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def wrk(address: str) -> dict[str, float]:
    """Requests a second, and a second of processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", address]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found = re.search(r"(\d+) requests in", text)
    count = int(found[1]) if found else 0
    return {"perSecond": count / SECONDS, "perProcessorSecond": count / processor}


def ours(address: str, workers: int) -> dict[str, float]:
    """The same of our workers, as many users as wrk has connections."""
    plan = made.plan(
        mode="closed",
        shape={"kind": "soak", "level": CONNECTIONS},
        duration=f"{SECONDS}s",
        workers=workers,
        requests={"short": {"method": "GET", "path": "/", "expect": "output"}},
    )
    measured = run(plan, Target(callers=(Caller(address=address),), connect={}))
    count = len(measured.samples)
    assert not measured.samples.errors(range(count))
    processor = sum(worker.processor for worker in measured.workers)
    return {"perSecond": count / SECONDS, "perProcessorSecond": count / processor}


def accuracy() -> dict[str, float]:
    """Measured against known: the share by which each percentile is off. Latencies from 50 to 550 ms, evenly."""
    count = 2000
    delays = [0.05 + 0.5 * (number * 377 % count) / count for number in range(count)]
    plan = made.plan(shape={"kind": "soak", "level": 100}, duration="20s", connections=128)
    with known_server(lambda number: delays[number % count]) as server:
        measured = run(plan, Target(callers=(Caller(address=server.address),), connect={}))
    times = measured.samples.times(range(len(measured.samples)))
    late = [max(1, value) for value in measured.samples.late]
    off = {
        f"p{share * 100:g}": percentile(times, share) / sorted(delays)[int(share * count) - 1] - 1
        for share in (0.5, 0.9, 0.99)
    }
    still = measured.samples.still(0, 20) / 20
    return off | {"lateP99Milliseconds": percentile(late, 0.99) * 1000, "stoodStill": still}


def main() -> Outcome:
    """Print a row each: how much load, and how exact. Only exactness has a limit."""
    ensure(PlainProgress(), [WRK, HAPROXY])
    with fast_server() as address:
        rows = {"wrk": wrk(address), "one worker": ours(address, 1), "two workers": ours(address, 2)}
    for name, found in rows.items():
        figures = f"{found['perProcessorSecond']:8,.0f} requests a core-second, {found['perSecond']:8,.0f} a second"
        print(f"{name:34} {figures}, load {os.getloadavg()[0]:.1f}")
    off = accuracy()
    # What a generator that stands still measures says nothing of how exact it is.
    quiet = off["stoodStill"] <= QUIET
    verdict = held(abs(off["p99"]) <= EXACT) if quiet else Outcome.INCONCLUSIVE
    figures = f"{EXACT:6.1%}  p50 {off['p50']:+.2%}, p90 {off['p90']:+.2%}, p99 {off['p99']:+.2%}"
    late = f"{off['lateP99Milliseconds']:.1f} ms late (p99), stood still {off['stoodStill']:.1%}"
    print(row("the load generator's percentiles", f"{figures}, {late}", verdict))
    return verdict


def _open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    sys.exit(main().exit_code)
