"""The load gate on real processes: faults that show as errors are caught, and an unchanged build has none.

Once each, and without what a busy machine changes; `python -m tests.bench_regressions` has all faults, ten times each,
and counts misses and false alarms.
"""

from __future__ import annotations

import pytest

from groundwork.verdict import Outcome
from tests.loadtests.builds import gate
from tests.loadtests.seeded import Fault

pytestmark = pytest.mark.engine

CAUGHT = {
    Fault.NONE: Outcome.PASS,
    Fault.ERRORS: Outcome.FAIL,
    Fault.LEAK: Outcome.FAIL,
    Fault.STORM: Outcome.FAIL,
    Fault.READINESS: Outcome.FAIL,
}


@pytest.mark.parametrize("fault", CAUGHT)
def test_what_the_gate_says_of_a_builds_errors(fault: Fault) -> None:
    _, checks = gate(fault, None)
    errors = next(check for check in checks if check.name.startswith("errors"))
    assert errors.outcome is CAUGHT[fault], errors
