"""How exact tenants' rate limits are, and what one tenant's flood costs another: for `make bench`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from groundwork.verdict import Outcome, worst
from tests.bench_row import held, row
from tests.cluster.authority import authority
from tests.cluster.beside import Beside
from tests.cluster.gateway import Guest, guests
from tests.load import Report, together

RATES = {"busy": 20, "calm": 40}
SECONDS, WARM = 10, 2
ROUNDS = 6
EXACT, SLOWER = 0.05, 1.2


def load(rates: Mapping[str, float], tenants: Mapping[str, Guest]) -> dict[str, Report]:
    """Both tenants at once, from the beginning of a second, for whole seconds."""
    start = float(int(time.time()) + 3)
    plans = {
        name: tenants[name].plan(rate=rate, seconds=SECONDS, warm=WARM, start=start)
        for name, rate in rates.items()
        if rate
    }
    return asyncio.run(together(plans))


def in_time(report: Report) -> int:
    """What was accepted in the whole seconds that count."""
    return sum(report.accepted[WARM : WARM + SECONDS])


def off(tenants: Mapping[str, Guest]) -> float:
    """How far what was accepted is from the limit, both tenants at 2.5 times theirs; the larger share of the two."""
    reports = load({name: 2.5 * rate for name, rate in RATES.items()}, tenants)
    return max(abs(in_time(reports[name]) / (rate * SECONDS) - 1) for name, rate in RATES.items())


def flood(tenants: Mapping[str, Guest]) -> Beside:
    """Both tenants at once, in rounds of three."""
    of: tuple[list[float], list[float], list[float]] = ([], [], [])
    for _ in range(ROUNDS):
        for times, latencies in zip((1, 10, 1), of, strict=True):
            rates = {"busy": times * RATES["busy"], "calm": RATES["calm"] / 2}
            latencies.extend(load(rates, tenants)["calm"].latencies)
    return Beside(before=of[0], during=of[1], after=of[2], most=SLOWER)


def main() -> Outcome:
    """Print both; whether both limits hold."""
    with tempfile.TemporaryDirectory() as folder, guests(RATES, authority(Path(folder) / "ca.crt")) as tenants:
        inexact, seen = off(tenants), flood(tenants)
    exact = held(inexact <= EXACT)
    print(row("rate limits, off by", f"{inexact:9.1%} (at most {EXACT:.0%})", exact))
    print(seen.row("calm tenant's p99 beside a flood"))
    return worst((exact, seen.verdict))


if __name__ == "__main__":
    sys.exit(main().exit_code)
