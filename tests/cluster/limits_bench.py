"""How exact tenants' rate limits are, and what one tenant's flood costs another: for `make bench`."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.authority import authority
from tests.cluster.gateway import Guest, guests
from tests.load import Report, percentile, together

RATES = {"busy": 20, "calm": 40}
SECONDS, WARM = 10, 2
ROUNDS = 4
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


def slower(tenants: Mapping[str, Guest]) -> float:
    """The calm tenant's p99 beside one at ten times its limit, by its p99 beside one at it; rounds in turn."""
    beside: dict[int, list[float]] = {1: [], 10: []}
    for _ in range(ROUNDS):
        for times, latencies in beside.items():
            latencies.extend(
                load({"busy": times * RATES["busy"], "calm": RATES["calm"] / 2}, tenants)["calm"].latencies
            )
    return percentile(beside[10], 0.99) / percentile(beside[1], 0.99)


def main() -> bool:
    """Print both; whether both limits hold."""
    with tempfile.TemporaryDirectory() as folder, guests(RATES, authority(Path(folder) / "ca.crt")) as tenants:
        inexact, ratio = off(tenants), slower(tenants)
    rows = [
        ("rate limits, off by", inexact <= EXACT, f"{inexact:.1%}", f"at most {EXACT:.0%}"),
        ("calm tenant's p99 beside a flood", ratio <= SLOWER, f"{ratio:.2f} x", f"at most {SLOWER} x"),
    ]
    for name, held, seen, limit in rows:
        print(f"{name:34} {seen:>9} ({limit})  {'pass' if held else 'FAIL'}")
    return all(held for _, held, _, _ in rows)


if __name__ == "__main__":
    main()
