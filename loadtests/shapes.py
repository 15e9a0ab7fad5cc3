"""The level of load over time, and when each request is meant to start."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from math import floor, sqrt

from loadtests.plan import Plan, Ramp, Soak, Spike


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stretch in which the level goes evenly from `first` to `last`. `seconds`: its length."""

    seconds: float
    first: float
    last: float

    @property
    def area(self) -> float:
        """The requests in it, where the level is requests a second."""
        return self.seconds * (self.first + self.last) / 2


def stages(plan: Plan) -> list[Stage]:
    """The plan's shape over its whole length."""
    shape, seconds = plan.shape, plan.seconds
    match shape:
        case Soak():
            return [Stage(seconds=seconds, first=shape.level, last=shape.level)]
        case Ramp():
            return [Stage(seconds=seconds, first=shape.start, last=shape.end)]
        case Spike():
            length = min(shape.length.total_seconds(), seconds)
            calm = (seconds - length) / 2
            levels = [(calm, shape.level), (length, shape.peak), (calm, shape.level)]
        case _:
            count = floor(round((shape.end - shape.start) / shape.step, 9)) + 1
            levels = [(seconds / count, shape.start + number * shape.step) for number in range(count)]
    return [Stage(seconds=length, first=level, last=level) for length, level in levels if length > 0]


def level(parts: list[Stage], moment: float) -> float:
    """The level at a moment (seconds from the start); 0 outside."""
    for stage in parts:
        if 0 <= moment < stage.seconds:
            return stage.first + (stage.last - stage.first) * moment / stage.seconds
        moment -= stage.seconds
    return 0.0


def total(parts: list[Stage]) -> int:
    """How many requests evenly spaced arrivals come to."""
    return floor(round(sum(stage.area for stage in parts), 6))


def arrivals(plan: Plan) -> Iterator[float]:
    """When each request is meant to start: seconds from the run's start, never falling; the same each time."""
    parts = stages(plan)
    chance = random.Random(plan.name)  # noqa: S311 – spacing, not secrecy
    begun, done = 0.0, 0.0  # seconds and requests before the stage under way
    number = 0.0
    for stage in parts:
        while number < done + stage.area - 1e-9:
            yield begun + _moment(stage, number - done)
            number += chance.expovariate(1.0) if plan.arrivals == "poisson" else 1.0
        begun, done = begun + stage.seconds, done + stage.area


def _moment(stage: Stage, requests: float) -> float:
    """When so many requests of a stage have come: the level's integral, turned round."""
    slope = (stage.last - stage.first) / stage.seconds
    if abs(slope) < 1e-12:
        return requests / stage.first
    return (sqrt(stage.first**2 + 2 * slope * requests) - stage.first) / slope
