"""Garbage is looked for rarely, and still found."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from groundwork.garbage import look_rarely
from local.paths import CHECKOUT


class _Circle:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def threshold() -> Iterator[tuple[int, int, int]]:
    before = gc.get_threshold()
    yield before
    gc.set_threshold(*before)


def test_only_how_many_new_objects_it_takes_is_changed(threshold: tuple[int, int, int]) -> None:
    look_rarely()
    assert gc.isenabled()
    assert gc.get_threshold() == (20_000, *threshold[1:])


def test_a_circle_goes_once_there_are_enough_new_objects() -> None:
    look_rarely()
    gone = weakref.ref(_Circle())
    kept: list[list[int]] = []
    while gone() is not None and len(kept) < 100_000:
        kept.append([])
    assert gone() is None


_ENDS = """
from groundwork.garbage import look_rarely
class Circle:
    def __init__(self):
        self.itself = self
    def __del__(self):
        print("looked")
{call}
kept = [Circle()]
"""


@pytest.mark.parametrize(("call", "said"), [("", "looked\n"), ("look_rarely()", "")])
def test_nothing_is_looked_for_at_the_end(call: str, said: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _ENDS.format(call=call)], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    assert ended.stdout == said
