"""What is kept of a run, and what is shown."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from groundwork.errors import UserError
from groundwork.verdict import Verdict
from loadtests.experiment import known, read_experiment
from loadtests.gate import judge, rules
from loadtests.plan import PLANS, read_plan
from loadtests.result import Result, sum_up
from loadtests.running import Run
from loadtests.store import FILES, Store, read_requests
from tests.loadtests import made

STEPS = {"kind": "steps", "start": 50, "step": 50, "end": 200}


def kept(store: Store, name: str, run: Run) -> Result:
    checks = judge(run, rules(run.plan), None)
    verdict = Verdict.of("load", "local", made.BEGAN + timedelta(minutes=1), {"plan": run.plan.digest}, checks)
    result = sum_up(name, "here", run, verdict)
    store.save(result, run.samples)
    return result


@pytest.mark.parametrize("name", sorted(file.stem for file in PLANS.glob("*.yaml")))
def test_our_plans_can_be_read(name: str) -> None:
    plan = read_plan(name)
    assert plan.name == name
    # What users may notice of a fault, each experiment says itself.
    assert rules(plan) or (name in {read_experiment(each).expects.load for each in known()} and not plan.slo)


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run = made.run(made.plan(limits={"latency": ["p(95) < 1s"]}), errors=0.02, pauses=[(3.0, 3.2)])
    result = kept(store, "one", run)
    assert sorted(file.name for file in (tmp_path / "one").iterdir()) == sorted(FILES)
    assert store.get("last") == store.get("one") == result
    samples = read_requests(tmp_path / "one" / "requests.csv.gz", result)
    assert samples.pauses == run.samples.pauses
    assert (samples.latency, samples.intended, samples.error) == (
        run.samples.latency,
        run.samples.intended,
        run.samples.error,
    )


def test_the_baseline_is_the_newest_that_passed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    good, bad = (made.plan(limits={"latency": [f"p(95) < {limit}"]}) for limit in ("1s", "1ms"))
    assert good.digest == bad.digest, "limits are no part of what is asked"
    assert store.baseline(good, "here", "local") is None
    for name, plan in (("a", good), ("b", good), ("c", bad)):
        kept(store, name, made.run(plan))
    found = store.baseline(good, "here", "local")
    assert found is not None
    assert found.run == "b"
    assert store.baseline(good, "elsewhere", "local") is None
    assert store.baseline(made.plan(duration="21s"), "here", "local") is None


def test_junit_shows_what_is_not_a_pass(tmp_path: Path) -> None:
    plan = made.plan(limits={"latency": ["p(95) < 1ms", "p(99.9) < 1s"], "requests": ["count > 10"]})
    kept(Store(tmp_path), "one", made.run(plan))
    suite = ET.fromstring((tmp_path / "one" / "junit.xml").read_text("utf-8"))  # noqa: S314 – our own file
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "1")


def test_the_report_is_one_file_with_charts(tmp_path: Path) -> None:
    plan = made.plan(shape=STEPS, users=[{"tenant": "acme", "agent": "concierge"}])
    run = made.run(plan, errors=0.05)
    for number in range(len(run.samples)):
        if run.samples.intended[number] > 15_000_000:
            run.samples.latency[number] = 900_000
    result = kept(Store(tmp_path), "one", run)
    page = (tmp_path / "one" / "report.html").read_text("utf-8")
    assert page.count("<svg") == 6
    assert "src=" not in page
    assert "<script" not in page
    assert "http 503" in page
    assert result.knee is not None


def test_the_knee() -> None:
    plan = made.plan(shape=STEPS)
    run = made.run(plan)
    verdict = Verdict.of("load", "local", made.BEGAN, {}, [])
    # 500 requests in each 5 s of `made`: the steps that ask for more than 100 a second are not answered.
    assert sum_up("one", "here", run, verdict).knee == 100


def test_a_cold_start_is_not_what_steps_are_held_to() -> None:
    run = made.run(made.plan(shape=STEPS, warmUp="2s"))
    for number in range(len(run.samples)):
        if run.samples.intended[number] < 2_000_000:
            run.samples.latency[number] = 900_000
    first = sum_up("one", "here", run, Verdict.of("load", "local", made.BEGAN, {}, [])).steps[0]
    assert first.p95 is not None
    assert first.p95 < 500
    assert first.answered == pytest.approx(100, rel=0.05)


def test_a_damaged_run_is_said(tmp_path: Path) -> None:
    store = Store(tmp_path)
    result = kept(store, "one", made.run(made.plan()))
    file = tmp_path / "one" / "requests.csv.gz"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match="cannot be read"):
        read_requests(file, result)
    (tmp_path / "one" / "result.json").write_text(json.dumps({"run": "one"}))
    with pytest.raises(UserError, match="no load run"):
        store.get("one")
