"""What users notice when the servers that watch are in trouble: p99 with and without it, for `make bench`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from groundwork.verdict import Outcome, worst
from tests import load
from tests.cluster.authority import authority
from tests.cluster.beside import Beside
from tests.cluster.gateway import Guest, guests
from tests.cluster.trouble import full, killed

SERVERS = ("collector", "loki", "prometheus")
TROUBLES = {"killed": killed, "out of space": full}
# Of 1,120 samples two runs without any trouble differed by up to 13 %.
RATE, SECONDS, WARM = 40, 90, 4
MOST = 1.1


def latencies(guest: Guest) -> list[float]:
    """Of requests that all must be answered."""
    plan = guest.plan(rate=RATE, seconds=SECONDS, warm=WARM, start=time.time() + 0.5)
    report = asyncio.run(load.send(plan))
    if report.total != report.sent:
        raise RuntimeError(f"not all were answered: {report.statuses} {report.errors}")
    return list(report.latencies)


def measure(trouble: str, guest: Guest) -> Beside:
    """All three servers at once."""
    before = latencies(guest)
    with ExitStack() as all_of_them:
        for server in SERVERS:
            all_of_them.enter_context(TROUBLES[trouble](server))
        during = latencies(guest)
    return Beside(before=before, during=during, after=latencies(guest), most=MOST)


def main() -> Outcome:
    """Print a row a trouble; whether the limit holds for each."""
    outcomes = set()
    with tempfile.TemporaryDirectory() as folder, guests({"seen": 1000}, authority(Path(folder) / "ca.crt")) as made:
        for trouble in TROUBLES:
            seen = measure(trouble, made["seen"])
            print(seen.row(f"p99, what watches {trouble}"))
            outcomes.add(seen.verdict)
    return worst(outcomes)


if __name__ == "__main__":
    sys.exit(main().exit_code)
