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

CAUGHT = [Fault.ERRORS, Fault.LEAK, Fault.STORM, Fault.READINESS]
# Requests each second. Of a machine that others have taken, a build is not fast enough for what the gate needs to tell
# a share of errors, and an unchanged one has errors then.
CALM = 10


@pytest.mark.parametrize("fault", CAUGHT)
def test_a_builds_errors_are_caught(fault: Fault) -> None:
    _, checks = gate(fault, None)
    errors = next(check for check in checks if check.name.startswith("errors"))
    assert errors.outcome is Outcome.FAIL, errors


def test_an_unchanged_build_has_no_error_while_one_of_its_processes_is_replaced() -> None:
    measured, _ = gate(Fault.NONE, None, CALM)
    assert len(measured.samples.error) >= CALM * measured.plan.seconds * 0.9
    assert not [error for error in measured.samples.error if error]
