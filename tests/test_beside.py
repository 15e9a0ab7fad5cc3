"""What is said of latencies beside some trouble."""

from __future__ import annotations

import pytest

from groundwork.verdict import Outcome
from tests.cluster.beside import SAMPLES, Beside


@pytest.mark.parametrize(
    ("before", "during", "after", "verdict"),
    [
        (10, 12, 10, Outcome.PASS),
        (13, 9, 10, Outcome.PASS),
        (10, 12.1, 10, Outcome.FAIL),
        (10, 30, 12, Outcome.FAIL),
        (10, 13, 12, Outcome.INCONCLUSIVE),
        (12, 13, 10, Outcome.INCONCLUSIVE),
    ],
)
def test_a_trouble_is_judged_by_what_the_measure_can_tell(
    before: float, during: float, after: float, verdict: Outcome
) -> None:
    seen = Beside(before=[before] * SAMPLES, during=[during] * SAMPLES, after=[after] * SAMPLES, most=1.2)
    assert seen.verdict is verdict


def test_too_few_samples_say_nothing() -> None:
    few = [1.0] * (SAMPLES - 1)
    assert Beside(before=few, during=few, after=few, most=1.2).verdict is Outcome.INCONCLUSIVE
