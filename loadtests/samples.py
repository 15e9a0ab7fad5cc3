"""What a run has measured: every request, in columns; and exact percentiles of any part of them."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from loadtests.job import Row, Series

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

# Three digits: no percentile is off by more than 0.1 %. From 1 µs to an hour.
DIGITS, LOWEST, HIGHEST = 3, 1, 3_600_000_000


@dataclass(kw_only=True)
class Samples:
    """All requests of a run, warm-up too. Times in µs, as in `Row`; `errors`: index into `names`, 0 for none.

    `pauses`: when a worker stood still and could neither send nor take in, from and to.
    """

    series: Sequence[Series]
    which: array[int] = field(default_factory=lambda: array("H"))
    intended: array[int] = field(default_factory=lambda: array("Q"))
    latency: array[int] = field(default_factory=lambda: array("Q"))
    first: array[int] = field(default_factory=lambda: array("Q"))
    late: array[int] = field(default_factory=lambda: array("Q"))
    waited: array[int] = field(default_factory=lambda: array("B"))
    error: array[int] = field(default_factory=lambda: array("H"))
    names: list[str] = field(default_factory=lambda: [""])
    pauses: list[tuple[int, int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.which)

    def add(self, rows: Iterable[Row], pauses: Iterable[Sequence[int]] = ()) -> None:
        """Take in what a worker has said."""
        self.pauses.extend((begin, end) for begin, end in pauses)
        for row in rows:
            if row.error not in self.names:
                self.names.append(row.error)
            self.which.append(row.series)
            self.intended.append(max(0, row.intended))
            self.latency.append(row.latency)
            self.first.append(row.first)
            self.late.append(row.late)
            self.waited.append(row.waited)
            self.error.append(self.names.index(row.error))

    def select(self, tags: Mapping[str, str] | None = None, begin: float = 0.0, end: float | None = None) -> list[int]:
        """The numbers of the requests that have the tags and were meant to start in [begin, end) seconds."""
        wanted = {
            number
            for number, each in enumerate(self.series)
            if all(getattr(each, tag) == value for tag, value in (tags or {}).items())
        }
        low, high = begin * 1e6, (end * 1e6 if end is not None else float("inf"))
        which, intended = self.which, self.intended
        return [n for n in range(len(which)) if which[n] in wanted and low <= intended[n] < high]

    def undisturbed(self, numbers: Iterable[int]) -> list[int]:
        """Those of the requests that no pause of the generator has touched, or the crowd that came after it.

        What was held up is sent at once when a pause ends: the server gets through it in as long again, where it is
        half busy.
        """
        spans = _joined((begin, end + (end - begin)) for begin, end in self.pauses)
        begins, ends = [begin for begin, _ in spans], [end for _, end in spans]
        found = []
        for n in numbers:
            before = bisect_right(begins, self.intended[n] + self.latency[n]) - 1
            if before < 0 or ends[before] <= self.intended[n]:
                found.append(n)
        return found

    def still(self, begin: float, end: float) -> float:
        """Seconds of [begin, end) in which a worker stood still."""
        return sum(max(0.0, min(end, high / 1e6) - max(begin, low / 1e6)) for low, high in _joined(self.pauses))

    def times(self, numbers: Iterable[int], metric: str = "latency", *, prompt: bool = False) -> list[int]:
        """`latency` or `first` of those that were answered well, µs.

        `prompt`: as if the generator had sent each at its time that had a free connection: the least it can have been.
        """
        column = self.latency if metric == "latency" else self.first
        error, late, waited = self.error, self.late, self.waited
        if not prompt:
            return [column[n] for n in numbers if not error[n] and column[n]]
        return [max(1, column[n] - (0 if waited[n] else late[n])) for n in numbers if not error[n] and column[n]]

    def errors(self, numbers: Iterable[int]) -> Counter[str]:
        """How many without a good answer, by why."""
        return Counter(self.names[self.error[n]] for n in numbers if self.error[n])


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same, those that overlap made one, in their order."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((begin, end))
    return found


def histogram(times: Iterable[int]) -> HdrHistogram:
    """The times (µs) as an HdrHistogram of three digits."""
    from hdrh.histogram import HdrHistogram

    made = HdrHistogram(LOWEST, HIGHEST, DIGITS)
    for value in times:
        made.record_value(min(value, HIGHEST))
    return made


def percentile(times: Sequence[int], share: float) -> float:
    """Seconds that `share` (0 to 1) of the times (µs) did not exceed. Raises ValueError for none."""
    if not times:
        raise ValueError("no times")
    return float(histogram(times).get_value_at_percentile(share * 100)) / 1e6
