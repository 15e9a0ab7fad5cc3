"""A pod killed at half of what its agent takes: first the load that it takes, then the fault, for `make bench`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from groundwork.console import PlainProgress
from groundwork.verdict import Outcome, Verdict, worst
from loadtests.execute import Request, execute
from loadtests.experiment import read_experiment
from loadtests.plan import read_plan
from loadtests.store import Store
from tests.bench_row import row
from tests.cluster.experiments import tried, under

FAULTS = ("agent-pod-killed", "agent-crashed")


def capacity(folder: Path) -> float:
    """Requests a second: the knee of the plan `steps`, or its last level, which is all that the tenant may send."""
    found, _ = execute(Request(plan=read_plan("steps"), environment="local"), Store(folder), PlainProgress())
    for step in found.steps:
        print(f"  {step.level:g} a second: answered {step.answered:g}, p95 {step.p95 or 0:g} ms")
    return found.knee if found.knee is not None else found.steps[-1].level


def _recovered(verdict: Verdict) -> str:
    measured = {check.name: check.measured for check in verdict.checks if check.measured}
    return ", ".join(f"{name} {value}" for name, value in measured.items())


def main() -> Outcome:
    """Print a row a fault; the worse outcome."""
    outcomes = []
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        half = capacity(folder) / 2
        for name in FAULTS:
            verdict = tried(under(read_experiment(name), folder, half))
            for check in verdict.checks:
                print(f"  {check.outcome} {check.name} {check.measured} {check.limit} {check.why}")
            print(row(name, f"at {half:g} a second: {_recovered(verdict)}", verdict.outcome))
            outcomes.append(verdict.outcome)
    return worst(outcomes)


if __name__ == "__main__":
    sys.exit(main().exit_code)
