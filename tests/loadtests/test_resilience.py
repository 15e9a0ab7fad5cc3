"""Experiments as they are read, and what is made of what was seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from groundwork.errors import UserError
from groundwork.verdict import Check, Outcome, worst
from loadtests.experiment import Experiment, known, read_experiment
from loadtests.plan import read_plan
from loadtests.resilience import Fault, do, outcome, recovered
from tests.loadtests import made

CALLS: list[str] = []


def note(word: str) -> bool:
    """What the experiments of these tests do."""
    CALLS.append(word)
    return True


def fails() -> None:
    CALLS.append("fails")
    raise UserError(what="the fault cannot be made")


def written(folder: Path, method: str = "note", probe: str = "note") -> Path:
    def activity(kind: str, func: str, word: str) -> str:
        arguments = f", arguments: {{word: {word}}}" if func == "note" else ""
        tolerance = ", tolerance: true" if kind == "probe" else ""
        provider = f"{{type: python, module: {__name__}, func: {func}{arguments}}}"
        return f"{{type: {kind}, name: {word}{tolerance}, provider: {provider}}}"

    file = folder / "an-experiment.yaml"
    file.write_text(
        f"""
title: A test
description: Of the order of things
extensions:
  - {{name: groundwork, load: steady, notice: Nothing., recovery: 30s, limits: {{errors: ["count < 1"]}}}}
steady-state-hypothesis: {{title: It stands, probes: [{activity("probe", probe, "stands")}]}}
method: [{activity("action", method, "fault")}]
rollbacks: [{activity("action", "note", "back")}]
""",
        "utf-8",
    )
    return file


@pytest.mark.parametrize("name", known())
def test_our_experiments_can_be_run(name: str) -> None:
    found = read_experiment(name)
    plan = read_plan(found.expects.load)
    assert found.expects.rules()
    assert found.expects.notice
    longest = timedelta(seconds=plan.seconds) - plan.warm_up
    assert found.recovery < longest, "the load lasts long enough to see it"


def test_they_touch_only_what_is_ours() -> None:
    from loadtests.faults import OURS, kill_pod

    assert "kube-system" not in OURS
    with pytest.raises(UserError, match="do not touch"):
        kill_pod("kube-system", "anything")


@pytest.mark.parametrize("part", ["extensions", "rollbacks", "steady-state-hypothesis", "method"])
def test_an_experiment_without_a_part_is_refused(tmp_path: Path, part: str) -> None:
    file = written(tmp_path)
    lines = file.read_text("utf-8").splitlines(keepends=True)
    kept = [
        line for line in lines if not line.startswith(part) and not (part == "extensions" and line.startswith("  -"))
    ]
    file.write_text("".join(kept), "utf-8")
    with pytest.raises(UserError):
        read_experiment(str(file))


def test_the_order_of_things(tmp_path: Path) -> None:
    CALLS.clear()
    fault = do(read_experiment(str(written(tmp_path))))
    assert CALLS == ["stands", "fault", "stands", "back"]
    assert fault.began is not None
    assert fault.ended is not None
    assert fault.began <= fault.ended


def test_rollback_runs_when_the_method_fails(tmp_path: Path) -> None:
    CALLS.clear()
    found = read_experiment(str(written(tmp_path, method="fails")))
    fault = do(found)
    assert CALLS[-1] == "back"
    checks = outcome(found, made.run(made.plan()), fault)
    assert next(check for check in checks if check.name == "method").outcome is Outcome.FAIL


def test_nothing_is_done_to_what_is_not_steady(tmp_path: Path) -> None:
    CALLS.clear()
    found = read_experiment(str(written(tmp_path, probe="fails")))
    fault = do(found)
    assert "fault" not in CALLS
    checks = outcome(found, made.run(made.plan()), fault)
    assert next(check for check in checks if check.name == "steady state before").outcome is Outcome.INCONCLUSIVE


JOURNAL: Mapping[str, Any] = {
    "status": "completed",
    "steady_states": {"before": {"steady_state_met": True}, "after": {"steady_state_met": True}},
    "run": [{"activity": {"name": "fault"}, "status": "succeeded", "output": None}],
    "rollbacks": [{"activity": {"name": "back"}, "status": "succeeded", "output": True}],
}


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return read_experiment(str(written(tmp_path)))


def seen(experiment: Experiment, bad: range, journal: Mapping[str, Any] = JOURNAL, slow: bool = False) -> list[Check]:
    """60 s of load with a fault at 10 s; the requests of `bad` seconds fail, or are slow."""
    run = made.run(made.plan(duration="60s"))
    run.samples.names.append("http 503")
    for number in range(len(run.samples)):
        if run.samples.intended[number] // 1_000_000 in bad:
            if slow:
                run.samples.latency[number] = 900_000
            else:
                run.samples.error[number] = 1
    at = made.BEGAN.timestamp() + 10
    return outcome(experiment, run, Fault(began=at, ended=at + 1, journal=journal))


def of(checks: list[Check], name: str) -> Check:
    return next(check for check in checks if name in check.name)


def test_what_nobody_noticed_passes(experiment: Experiment) -> None:
    assert worst(check.outcome for check in seen(experiment, range(0))) is Outcome.PASS


@pytest.mark.parametrize("slow", [True, False])
@pytest.mark.parametrize(
    ("until", "outcome_"), [(14, Outcome.PASS), (39, Outcome.PASS), (42, Outcome.FAIL), (60, Outcome.FAIL)]
)
def test_the_time_to_recover(experiment: Experiment, until: int, outcome_: Outcome, slow: bool) -> None:
    checks = seen(experiment, range(11, until), slow=slow)
    assert of(checks, "recovery").outcome is outcome_
    assert of(checks, "errors").outcome is (Outcome.PASS if slow else Outcome.FAIL)


def test_recovered() -> None:
    run = made.run(made.plan(duration="60s"))
    assert recovered(run.samples, 10, 60, 0.05) == 0
    assert recovered(run.samples, 55, 60, 0.05) is None, "it must be good for a while"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (
            {"steady_states": {"before": {"steady_state_met": True}, "after": {"steady_state_met": False}}},
            "state after",
        ),
        ({"rollbacks": [{"activity": {"name": "back"}, "status": "failed", "exception": ["boom"]}]}, "roll-back"),
        ({"rollbacks": [{"activity": {"name": "back"}, "status": "succeeded", "output": False}]}, "roll-back"),
    ],
)
def test_a_dirty_end_fails(experiment: Experiment, change: Mapping[str, Any], name: str) -> None:
    checks = seen(experiment, range(0), {**JOURNAL, **change})
    assert of(checks, name).outcome is Outcome.FAIL


def test_something_left_changed_fails() -> None:
    from loadtests.resilience import _clean

    assert _clean({"acme/concierge": "a"}, {"acme/concierge": "a"}).outcome is Outcome.PASS
    assert _clean({"acme/concierge": "a"}, {"acme/concierge": "b"}).outcome is Outcome.FAIL
    assert _clean({}, {}).outcome is Outcome.INCONCLUSIVE
