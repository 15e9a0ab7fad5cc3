"""The emulated account answers one request after the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from local.account.__main__ import one_at_a_time

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SAID: list[bytes] = [b"one", b"two"]


class Answer:
    """Computes while it is read, and has to be closed."""

    def __init__(self, inside: list[int], most: list[int]) -> None:
        self._inside, self._most = inside, most

    def __iter__(self) -> Iterator[bytes]:
        self._inside.append(1)
        self._most.append(len(self._inside))
        for part in SAID:
            time.sleep(0.001)
            yield part

    def close(self) -> None:
        self._inside.pop()


def test_no_two_are_computed_at_once_and_each_is_closed() -> None:
    inside: list[int] = []
    most: list[int] = []

    def application(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
        return Answer(inside, most)

    serve, ready = one_at_a_time(application), threading.Barrier(8)

    def ask(_number: int) -> list[bytes]:
        ready.wait()
        return [*serve({}, lambda *_: lambda _: None)]

    with ThreadPoolExecutor(8) as threads:
        assert [*threads.map(ask, range(8))] == [SAID] * 8
    assert (max(most), inside) == (1, [])
