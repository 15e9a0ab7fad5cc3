"""A run summed up: percentiles of every series, the course over time, errors by type, and where it saturates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from pydantic import AwareDatetime, BaseModel, ConfigDict

from groundwork.verdict import Verdict
from loadtests.plan import Plan, Steps
from loadtests.running import Run
from loadtests.samples import Samples, histogram
from loadtests.shapes import stages

SHARES = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0)
MOST_POINTS = 240
# A step is past the knee where its 95th percentile is this many times the first step's, or answers fall behind.
KNEE_TIMES, KNEE_ANSWERED = 2.0, 0.95


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SeriesResult(_Frozen):
    """One tenant's agent and kind, or all. Percentiles in ms, by their number.

    `histogram`: in HdrHistogram's own encoding (V2), µs.
    """

    name: str
    tags: Mapping[str, str]
    requests: int
    errors: Mapping[str, int]
    percentiles: Mapping[str, float]
    first: Mapping[str, float]
    mean: float
    histogram: str


class Point(_Frozen):
    """A stretch of the run. `at`: its begin, seconds from the start; rates a second; ms, None where nobody answered."""

    at: float
    seconds: float
    sent: float
    answered: float
    failed: float
    p50: float | None
    p95: float | None
    p99: float | None


class Step(_Frozen):
    """One level of a saturation run: what was asked for and what came, a second; ms."""

    level: float
    answered: float
    failed: float
    p95: float | None


class Result(_Frozen):
    """A run as it is stored. `knee`: the highest level served well before one that was not; None without one.

    `pauses`: of its workers, as in `Samples`.
    """

    run: str
    plan: Plan
    target: str
    began: AwareDatetime
    seconds: float
    aborted: str | None
    workers: tuple[Mapping[str, float], ...]
    pauses: tuple[tuple[int, int], ...] = ()
    all: SeriesResult
    series: tuple[SeriesResult, ...]
    points: tuple[Point, ...]
    steps: tuple[Step, ...]
    knee: float | None
    verdict: Verdict


def sum_up(name: str, target: str, run: Run, verdict: Verdict) -> Result:
    """Everything that the report shows. `name`: the run's id."""
    begin, end = run.plan.warm_up.total_seconds(), run.plan.seconds
    steps = _steps(run)
    return Result(
        run=name,
        plan=run.plan,
        target=target,
        began=run.began,
        seconds=round(run.seconds, 3),
        aborted=run.aborted,
        workers=tuple(
            {"index": worker.index, "processor": round(worker.processor, 3), "seconds": round(worker.seconds, 3)}
            for worker in run.workers
        ),
        pauses=tuple(run.samples.pauses),
        all=_series("all", {}, run.samples, begin, end),
        series=tuple(
            _series(f"{each.tenant}/{each.agent} {each.kind}", each._asdict(), run.samples, begin, end)
            for each in run.samples.series
        ),
        points=tuple(_points(run)),
        steps=steps,
        knee=_knee(steps),
        verdict=verdict,
    )


def _series(name: str, tags: Mapping[str, str], samples: Samples, begin: float, end: float) -> SeriesResult:
    numbers = samples.select(tags, begin, end)
    times = samples.times(numbers)
    found = histogram(times)
    return SeriesResult(
        name=name,
        tags=tags,
        requests=len(numbers),
        errors=samples.errors(numbers),
        percentiles=_percentiles(times),
        first=_percentiles(samples.times(numbers, "first")),
        mean=round(sum(times) / len(times) / 1000, 4) if times else 0.0,
        histogram=found.encode().decode(),
    )


def _percentiles(times: Sequence[int]) -> dict[str, float]:
    if not times:
        return {}
    found = histogram(times)
    return {f"{share:g}": found.get_value_at_percentile(share) / 1000 for share in SHARES}


def _points(run: Run) -> list[Point]:
    """The run in even stretches of whole seconds, no more than a chart can show."""
    length = max(1, -int(-run.plan.seconds // MOST_POINTS))
    samples = run.samples
    buckets: dict[int, list[int]] = {}
    for n in range(len(samples)):
        buckets.setdefault(samples.intended[n] // (length * 1_000_000), []).append(n)
    points = []
    for number in range(-int(-run.plan.seconds // length)):
        numbers = buckets.get(number, [])
        times = samples.times(numbers)
        found = _percentiles(times)
        points.append(
            Point(
                at=number * length,
                seconds=length,
                sent=len(numbers) / length,
                answered=len(times) / length,
                failed=(len(numbers) - len(times)) / length,
                p50=found.get("50"),
                p95=found.get("95"),
                p99=found.get("99"),
            )
        )
    return points


def _steps(run: Run) -> tuple[Step, ...]:
    if not isinstance(run.plan.shape, Steps):
        return ()
    made, begin = [], 0.0
    for stage in stages(run.plan):
        end = begin + stage.seconds
        # What is cold is slow: the first step is what the others are held to.
        counted = min(max(begin, run.plan.warm_up.total_seconds()), end)
        numbers = run.samples.select({}, counted, end)
        times, seconds = run.samples.times(numbers), end - counted
        if seconds:
            made.append(
                Step(
                    level=stage.first,
                    answered=round(len(times) / seconds, 2),
                    failed=round((len(numbers) - len(times)) / seconds, 2),
                    p95=_percentiles(times).get("95"),
                )
            )
        begin = end
    return tuple(made)


def _knee(steps: Sequence[Step]) -> float | None:
    """The last level before the first that is past the knee; None where no level is."""
    if not steps or steps[0].p95 is None:
        return None
    floor = steps[0].p95
    for before, step in pairwise(steps):
        if step.p95 is None or step.p95 > KNEE_TIMES * floor or step.answered < KNEE_ANSWERED * step.level:
            return before.level
    return None
