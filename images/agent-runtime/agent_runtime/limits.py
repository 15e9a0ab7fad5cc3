"""How many requests this replica takes: at a time, and in any minute."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent_runtime.errors import ApiError, ErrorType

_MINUTE = 60.0


class Admission:
    """Admits a request or raises ApiError (429) with the seconds to wait. `clock` gives seconds."""

    def __init__(self, concurrency: int, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._concurrency = concurrency
        self._per_minute = per_minute
        self._clock = clock
        self._admitted: deque[float] = deque()
        self.in_flight = 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Hold a place while within. What is turned away does not count towards the minute's limit."""
        self._check()
        self._admitted.append(self._clock())
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1

    def _check(self) -> None:
        if self.in_flight >= self._concurrency:
            raise ApiError(
                type=ErrorType.OVERLOADED,
                message=f"{self._concurrency} requests are being served, which is the most at a time",
                retry_after=1,
            )
        now = self._clock()
        while self._admitted and now - self._admitted[0] >= _MINUTE:
            self._admitted.popleft()
        if len(self._admitted) >= self._per_minute:
            raise ApiError(
                type=ErrorType.RATE_LIMITED,
                message=f"the limit is {self._per_minute} requests a minute",
                retry_after=max(1, math.ceil(_MINUTE - (now - self._admitted[0]))),
            )
