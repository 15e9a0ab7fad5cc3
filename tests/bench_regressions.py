"""What the load gate catches: builds with one fault each, and an unchanged one, as processes, several runs of each.

    python -m tests.bench_regressions [RUNS]

A run that is inconclusive, as on a busy machine, is made again, twice at most. A miss is a fault that the gate does not
fail; a false alarm an unchanged build that it does not pass. Exit code 99 where there is any.
"""

from __future__ import annotations

import os
import sys
from collections import Counter

from groundwork.errors import ExitCode
from groundwork.verdict import Check, Outcome, worst
from loadtests.gate import Baseline
from loadtests.running import Run
from tests.bench_row import held
from tests.loadtests.builds import baseline, gate
from tests.loadtests.seeded import Fault

RUNS, TRIES = 10, 3


def measure(runs: int = RUNS) -> Outcome:
    """Print a line a fault; in turn, so that a machine that gets busy does so for all."""
    compared = first()
    found: dict[Fault, Counter[Outcome]] = {fault: Counter() for fault in Fault}
    for number in range(1, runs + 1):
        for fault in Fault:
            measured, checks = tried(fault, compared)
            outcome = worst(check.outcome for check in checks)
            found[fault][outcome] += 1
            busy = (
                f"load {os.getloadavg()[0]:.1f}, stood still {measured.samples.still(0, measured.plan.seconds):.2f} s"
            )
            print(f"{number:>2} {fault:20} {outcome:12} {busy}  {bad(checks)} {errors(measured)}", flush=True)
            if fault is Fault.NONE and outcome is Outcome.PASS:
                compared = baseline(f"run {number}", measured)
    print(f"\n{'build':20} {'pass':>6} {'fail':>6} {'inconclusive':>13}")
    for fault, counts in found.items():
        row = f"{counts[Outcome.PASS]:6} {counts[Outcome.FAIL]:6} {counts[Outcome.INCONCLUSIVE]:13}"
        print(f"{fault:20} {row}  {held(counts[wanted(fault)] == runs)}")
    return held(all(counts[wanted(fault)] == runs for fault, counts in found.items()))


def tried(fault: Fault, compared: Baseline, tries: int = TRIES) -> tuple[Run, list[Check]]:
    """The gate, asked again where the machine was too busy to tell, as the runbook says."""
    measured, checks = gate(fault, compared)
    if worst(check.outcome for check in checks) is Outcome.INCONCLUSIVE and tries > 1:
        print(f"   {fault:20} again: {bad(checks)}", flush=True)
        return tried(fault, compared, tries - 1)
    return measured, checks


def first() -> Baseline:
    """An unchanged build's run, for the others to be compared with."""
    return baseline("the first", gate(Fault.NONE, None)[0])


def wanted(fault: Fault) -> Outcome:
    """What the gate is to say of a build."""
    return Outcome.PASS if fault is Fault.NONE else Outcome.FAIL


def errors(measured: Run) -> str:
    """What kinds of error there were, and how many of each."""
    return ", ".join(f"{count} {name}" for name, count in measured.samples.errors(measured.samples.select()).items())


def bad(checks: list[Check]) -> str:
    """What is no pass."""
    return "; ".join(f"{each.name}: {each.measured} {each.why}" for each in checks if each.outcome is not Outcome.PASS)


if __name__ == "__main__":
    sys.exit(ExitCode.PASS if measure(*map(int, sys.argv[1:2])) is Outcome.PASS else ExitCode.FAIL)
