"""How much slower requests get beside some trouble: three runs in turn, without, with and without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from groundwork.verdict import Outcome
from tests.bench_row import row
from tests.load import percentile

SAMPLES = 1000  # fewer leave less than ten above a p99


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Latencies of the same requests, in seconds. `most`: p99 with the trouble by p99 without."""

    before: Sequence[float]
    during: Sequence[float]
    after: Sequence[float]
    most: float

    @property
    def ratios(self) -> tuple[float, float]:
        """p99 with the trouble by p99 without, once by each of the two without; the smaller first.

        The two should be equal: how far they are apart is the measure's own noise.
        """
        during = percentile(self.during, 0.99)
        low, high = sorted(during / percentile(alone, 0.99) for alone in (self.before, self.after))
        return low, high

    @property
    def verdict(self) -> Outcome:
        """Held by both, held by neither; by one alone, or by few samples, nothing is said."""
        low, high = self.ratios
        if len(self.during) < SAMPLES or low <= self.most < high:
            return Outcome.INCONCLUSIVE
        return Outcome.PASS if high <= self.most else Outcome.FAIL

    def row(self, name: str) -> str:
        """For people."""
        low, high = self.ratios
        return row(name, f"{f'{high:.2f} x':>9} (at most {self.most} x; {low:.2f} by the other)", self.verdict)
