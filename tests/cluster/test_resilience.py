"""A fault on the node under load: what it does, what callers lose, and that all is as before after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.verdict import Outcome
from loadtests.experiment import read_experiment
from tests.cluster.experiments import tried, under

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]

# Times are left to `make bench`: other tests take the machine's processors meanwhile.
HOLDS = {
    "steady state before",
    "steady state after",
    "method",
    "roll-back",
    "failed that a retry could save",
    "clean end",
}


def test_what_a_killed_agent_had_not_begun_to_answer_is_answered(tmp_path: Path) -> None:
    experiment = under(read_experiment("agent-crashed"), tmp_path, 10.0, {"duration": "45s"})
    verdict = tried(experiment)
    outcomes = {check.name: (check.outcome, check.why) for check in verdict.checks}
    assert outcomes.keys() >= HOLDS, outcomes
    assert {name: outcomes[name] for name in HOLDS if outcomes[name][0] is not Outcome.PASS} == {}
