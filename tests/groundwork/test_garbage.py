"""Garbage is looked for rarely, and still found."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from groundwork.garbage import look_rarely


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
