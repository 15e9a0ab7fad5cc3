"""Plans and runs without any load, for what is worked out from them."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from loadtests.job import Row, Series, WorkerEnd
from loadtests.plan import Plan
from loadtests.running import Run
from loadtests.samples import Samples

BEGAN = datetime(2026, 5, 4, 12, tzinfo=UTC)
BASE: Mapping[str, object] = {
    "name": "made",
    "shape": {"kind": "soak", "level": 100},
    "duration": "20s",
    "users": [{"tenant": "acme", "agent": "concierge"}],
}


def plan(**changes: object) -> Plan:
    return Plan.model_validate_json(json.dumps({**BASE, **changes}))


def run(  # noqa: PLR0913 – one parameter a trait
    wanted: Plan,
    *,
    seed: int = 1,
    slower: float = 1.0,
    errors: float = 0.0,
    late: int = 100,
    count: int | None = None,
    aborted: str | None = None,
    pauses: Sequence[tuple[float, float]] = (),
) -> Run:
    """A run whose latencies are lognormal around 50 ms, with noise from second to second.

    `pauses`: when the generator stood still, seconds; the server gets what was held up all at once, and is behind for
    as long again.
    """
    chance = random.Random(seed)  # noqa: S311
    samples = Samples(series=[Series("acme", "concierge", "short", "standard")])
    total = count if count is not None else int(wanted.seconds * 100)
    noise = [chance.gauss(1, 0.03) for _ in range(int(wanted.seconds) + 1)]
    rows = []
    for number in range(total):
        second = number * wanted.seconds / total
        latency = int(50_000 * chance.lognormvariate(0, 0.25) * noise[int(second)] * slower)
        failed = "http 503" if chance.random() < errors else ""
        held, behind = _delays(second, pauses)
        rows.append(Row(0, int(second * 1e6), latency + late + held + behind, 0, late + held, 0, failed))
    samples.add(rows, [(int(begin * 1e6), int(until * 1e6)) for begin, until in pauses])
    end = WorkerEnd(index=0, processor=1.0, seconds=wanted.seconds)
    return Run(plan=wanted, samples=samples, began=BEGAN, seconds=wanted.seconds, workers=(end,), aborted=aborted)


def _delays(second: float, pauses: Sequence[tuple[float, float]]) -> tuple[int, int]:
    """What the generator held a request up for, and the server after it, µs."""
    for begin, until in pauses:
        if begin <= second < until:
            return int((until - second) * 1e6), int((second - begin) * 1e6)
        if until <= second < until + (until - begin) * 0.9:
            return 0, int((until + (until - begin) * 0.9 - second) * 1e6)
    return 0, 0


def samples_of(latencies: Sequence[int], errors: Sequence[str] = ()) -> Samples:
    samples = Samples(series=[Series("acme", "concierge", "short", "standard")])
    samples.add(
        Row(0, number * 10_000, latency, 0, 1, 0, errors[number] if number < len(errors) else "")
        for number, latency in enumerate(latencies)
    )
    return samples
