"""How exact tenants' rate limits are, and what one tenant's flood costs another: for `make bench`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import ExitCode
from tests.cluster.authority import authority
from tests.cluster.gateway import Guest, guests
from tests.load import Report, percentile, together

RATES = {"busy": 20, "calm": 40}
SECONDS, WARM = 10, 2
ROUNDS = 6
EXACT, SLOWER = 0.05, 1.2
SAMPLES = 1000  # fewer leave less than ten above a p99


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


@dataclass(frozen=True, kw_only=True)
class Flood:
    """Latencies of the calm tenant, in seconds: beside one at its limit, at ten times it, and at its limit again."""

    before: Sequence[float]
    during: Sequence[float]
    after: Sequence[float]

    @property
    def ratio(self) -> float:
        """p99 beside the flood by p99 without."""
        return percentile(self.during, 0.99) / percentile([*self.before, *self.after], 0.99)

    @property
    def noise(self) -> float:
        """What the same measure makes of two that should be equal; the larger by the smaller."""
        two = percentile(self.before, 0.99), percentile(self.after, 0.99)
        return max(two) / min(two)

    @property
    def verdict(self) -> ExitCode:
        """A machine that is not quiet enough to tell says nothing, whatever the ratio."""
        if len(self.during) < SAMPLES or self.noise > SLOWER:
            return ExitCode.INCONCLUSIVE
        return ExitCode.PASS if self.ratio <= SLOWER else ExitCode.FAIL


def flood(tenants: Mapping[str, Guest]) -> Flood:
    """Both tenants at once, in rounds of three."""
    of: tuple[list[float], list[float], list[float]] = ([], [], [])
    for _ in range(ROUNDS):
        for times, latencies in zip((1, 10, 1), of, strict=True):
            rates = {"busy": times * RATES["busy"], "calm": RATES["calm"] / 2}
            latencies.extend(load(rates, tenants)["calm"].latencies)
    return Flood(before=of[0], during=of[1], after=of[2])


def main() -> ExitCode:
    """Print both; whether both limits hold."""
    with tempfile.TemporaryDirectory() as folder, guests(RATES, authority(Path(folder) / "ca.crt")) as tenants:
        inexact, seen = off(tenants), flood(tenants)
    exact = ExitCode.PASS if inexact <= EXACT else ExitCode.FAIL
    noise = f"the same without a flood differs by {seen.noise:.2f} x"
    rows = [
        ("rate limits, off by", exact, f"{inexact:.1%}", f"at most {EXACT:.0%}"),
        ("calm tenant's p99 beside a flood", seen.verdict, f"{seen.ratio:.2f} x", f"at most {SLOWER} x; {noise}"),
    ]
    for name, verdict, value, limit in rows:
        print(f"{name:34} {value:>9} ({limit})  {'pass' if verdict is ExitCode.PASS else verdict.name}")
    verdicts = {exact, seen.verdict}
    return next(code for code in (ExitCode.FAIL, ExitCode.INCONCLUSIVE, ExitCode.PASS) if code in verdicts)


if __name__ == "__main__":
    sys.exit(main())
