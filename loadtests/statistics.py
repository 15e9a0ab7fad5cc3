"""Is a difference more than noise?  Resampling whole seconds, as the requests of one second are not independent."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

ROUNDS = 400
# Of the interval that the ratio lies in: one false alarm in a hundred comparisons of equal builds, one-sided.
CONFIDENCE = 0.98
Blocks = Sequence[Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times as long as before, and the interval that holds it with CONFIDENCE."""

    value: float
    low: float
    high: float


def ratio(now: Blocks, before: Blocks, share: float) -> Ratio:
    """A percentile now against the same before. Each block: the times of one second, µs. Raises ValueError for none.

    A block bootstrap: seconds are drawn with replacement from each run; the same draw each time it is asked.
    """
    chance = random.Random(1)  # noqa: S311
    mine, theirs = _Weighted(now), _Weighted(before)
    drawn = sorted(
        mine.percentile(_draw(len(now), chance), share) / theirs.percentile(_draw(len(before), chance), share)
        for _ in range(ROUNDS)
    )
    edge = int(ROUNDS * (1 - CONFIDENCE) / 2)
    value = mine.percentile([1] * len(now), share) / theirs.percentile([1] * len(before), share)
    return Ratio(value=value, low=drawn[edge], high=drawn[-1 - edge])


def wilson(hits: int, count: int, z: float = 2.326) -> tuple[float, float]:
    """Wilson's interval for a share of `count`, of 98 % where z is 2.326 (E. B. Wilson, 1927)."""
    if count == 0:
        return 0.0, 1.0
    share = hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


class _Weighted:
    """Values sorted once; a draw only says how often each block counts."""

    def __init__(self, blocks: Blocks) -> None:
        self._pairs = sorted((value, number) for number, block in enumerate(blocks) for value in block)
        self._sizes = [len(block) for block in blocks]
        if not self._pairs:
            raise ValueError("no times")

    def percentile(self, weights: Sequence[int], share: float) -> float:
        whole = sum(weight * size for weight, size in zip(weights, self._sizes, strict=True))
        rank, seen = max(1, ceil(share * whole)), 0
        for value, number in self._pairs:
            seen += weights[number]
            if seen >= rank:
                return value
        return self._pairs[-1][0]


def _draw(count: int, chance: random.Random) -> list[int]:
    weights = [0] * count
    for _ in range(count):
        weights[chance.randrange(count)] += 1
    return weights
