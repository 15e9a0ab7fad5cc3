"""What the flood's measure says of latencies."""

from __future__ import annotations

import pytest

from groundwork.errors import ExitCode
from tests.cluster.limits_bench import SAMPLES, Flood


@pytest.mark.parametrize(
    ("before", "during", "after", "verdict"),
    [
        (10, 12, 10, ExitCode.PASS),
        (10, 12.1, 10, ExitCode.FAIL),
        (10, 30, 12, ExitCode.FAIL),
        (10, 5, 12.1, ExitCode.INCONCLUSIVE),
        (12.1, 30, 10, ExitCode.INCONCLUSIVE),
    ],
)
def test_a_flood_is_judged_by_what_the_measure_can_tell(
    before: float, during: float, after: float, verdict: ExitCode
) -> None:
    seen = Flood(before=[before] * SAMPLES, during=[during] * SAMPLES, after=[after] * SAMPLES)
    assert seen.verdict is verdict


def test_too_few_samples_say_nothing() -> None:
    few = [1.0] * (SAMPLES - 1)
    assert Flood(before=few, during=few, after=few).verdict is ExitCode.INCONCLUSIVE
