"""Experiments as they are read, and what is made of what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import typer

from groundwork.console import PlainProgress
from groundwork.errors import UserError
from groundwork.verdict import Check, Outcome, Verdict, worst
from loadtests import recovery, resilience
from loadtests.execute import Request
from loadtests.experiment import Experiment, known, read_experiment
from loadtests.faults import vault
from loadtests.job import Caller
from loadtests.plan import read_plan
from loadtests.recovery import Fault, recovered, tail_back
from loadtests.resilience import Surroundings, clean, do, outcome, try_experiment
from loadtests.resilience_verbs import undo
from loadtests.running import Target
from tests.loadtests import made
from tests.loadtests.recorded import Recorded
from tests.loadtests.server import known_server

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


@pytest.mark.parametrize("name", known())
@pytest.mark.usefixtures("host")
def test_undoing_is_safe_where_nothing_was_done(
    name: str, cluster: Recorded, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = SimpleNamespace(reach=SimpleNamespace(pods=list), shares=None)
    monkeypatch.setattr(vault, "place_here", lambda: nobody)
    before = {kind: len(objects) for kind, objects in cluster.objects.items()}
    object.__setattr__(cluster, "says", lambda *_: "{}")
    with pytest.raises(typer.Exit) as end:
        undo(name)
    assert end.value.exit_code == 0
    assert "0 failed" in capsys.readouterr().out
    assert all(order[0] == "delete" and "--ignore-not-found" in order for order in cluster.orders)
    assert {kind: len(objects) for kind, objects in cluster.objects.items()} == before


@pytest.mark.parametrize("pauses", ["{after: 181}", "{before: 1, after: 180}", '{after: "${long}"}'])
def test_a_fault_that_lasts_too_long_is_refused(tmp_path: Path, pauses: str) -> None:
    file = written(tmp_path)
    text = file.read_text("utf-8")
    file.write_text(text.replace("method: [{", f"method: [{{pauses: {pauses}, "), "utf-8")
    with pytest.raises(UserError, match="too long together"):
        read_experiment(str(file))


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


@pytest.mark.parametrize(
    ("before", "after", "settled", "expected"),
    [
        ({"acme/concierge": "a"}, {"acme/concierge": "a"}, True, Outcome.PASS),
        ({"acme/concierge": "a"}, {"acme/concierge": "b"}, True, Outcome.FAIL),
        ({"acme/concierge": "a"}, {}, True, Outcome.FAIL),
        ({"acme/concierge": "a"}, {"acme/concierge": "a"}, False, Outcome.FAIL),
        ({}, {}, True, Outcome.INCONCLUSIVE),
    ],
)
def test_the_end_is_clean(
    before: Mapping[str, str], after: Mapping[str, str], settled: bool, expected: Outcome
) -> None:
    assert clean(before, after, settled=settled).outcome is expected


def test_the_tail_is_back_when_no_stretch_is_slower_than_before() -> None:
    run = made.run(made.plan(duration="60s"))
    assert tail_back(run.samples, 10, 60, 0.1) == (0, 0)
    for number in range(0, 6000, 20):  # one in twenty is slow, from second 10 to 20
        if 10 <= run.samples.intended[number] // 1_000_000 < 20:
            run.samples.latency[number] = 900_000
    least, most = tail_back(run.samples, 10, 60, 0.1)
    assert 10 <= least == most <= 15, "up to the end of the last stretch that has one"


def test_a_tail_of_too_few_answers_is_good_in_one_and_bad_in_the_other() -> None:
    run = made.run(made.plan(duration="60s"), count=600)
    assert tail_back(run.samples, 10, 60, 0.1) == (0, 50)


def killed_at(
    experiment: Experiment, second: float, failing: Mapping[float, int], *, took: float = 0.0, warm: str = "0s"
) -> Check:
    """Requests that fail: when they were to be sent → how long they took, µs. `took`: until it was gone, seconds."""
    run = made.run(made.plan(duration="60s", warmUp=warm))
    run.samples.names.append("http 503")
    for begin, lasted in failing.items():
        number = int(begin * 100)
        run.samples.late[number] = 0
        run.samples.latency[number], run.samples.error[number] = lasted, 1
    at = made.BEGAN.timestamp() + second
    journal = {**JOURNAL, "run": [{**JOURNAL["run"][0], "output": {"pod": "a", "at": at, "gone": at + took}}]}
    wanted = replace(experiment, expects=experiment.expects.model_copy(update={"retried": True}))
    return of(outcome(wanted, run, Fault(began=at - 5, ended=at + 1, journal=journal)), "retry could save")


def test_only_what_was_under_way_at_the_kill_may_fail(experiment: Experiment) -> None:
    assert killed_at(experiment, 10.5, {}).outcome is Outcome.PASS
    assert killed_at(experiment, 10.5, {10.48: 30_000}).outcome is Outcome.PASS
    after = killed_at(experiment, 10.5, {10.48: 30_000, 10.51: 30_000})
    assert (after.outcome, after.measured) == (Outcome.FAIL, "1")
    assert killed_at(experiment, 10.5, {10.40: 30_000}).outcome is Outcome.FAIL, "it had failed before"
    assert killed_at(experiment, 10.5, {10.51: 30_000}, took=0.02).outcome is Outcome.PASS, "it was not gone yet"
    assert killed_at(experiment, 10.5, {10.53: 30_000}, took=0.02).outcome is Outcome.FAIL


def test_what_is_sent_in_the_warm_up_is_not_held_against_it(experiment: Experiment) -> None:
    failing = {1.0: 30_000, 3.0: 30_000}
    assert killed_at(experiment, 10.5, failing).measured == "2"
    assert killed_at(experiment, 10.5, failing, warm="2s").measured == "1"


def test_who_does_not_say_when_it_killed_leaves_it_open(experiment: Experiment) -> None:
    wanted = replace(experiment, expects=experiment.expects.model_copy(update={"retried": True}))
    assert of(seen(wanted, range(0)), "retry could save").outcome is Outcome.INCONCLUSIVE


PLAN = """
name: short
shape: {kind: soak, level: 50}
duration: 8s
users: [{tenant: acme, agent: concierge}]
slo: false
"""


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], Verdict]]:
    """Runs an experiment whose fault makes a real server fail, under real load, with shorter waits."""
    plan = tmp_path / "short.yaml"
    plan.write_text(PLAN, "utf-8")
    file = written(tmp_path)
    file.write_text(file.read_text("utf-8").replace("load: steady", f"load: {plan}"), "utf-8")
    monkeypatch.setattr(resilience, "CALM_SECONDS", 2.0)
    monkeypatch.setattr(recovery, "GOOD_SECONDS", 2.0)
    CALLS.clear()
    faulty = iter(range(15))  # so many requests fail from the fault on
    with known_server(status=lambda _: 503 if "fault" in CALLS and next(faulty, None) is not None else 200) as server:

        @contextmanager
        def reached(_: Request) -> Iterator[Target]:
            yield Target(callers=(Caller(address=server.address),), connect={})

        monkeypatch.setattr(resilience, "reached", reached)

        def run(settled: bool) -> Verdict:
            around = Surroundings(declared=lambda: {"acme/concierge": "a"}, settled=lambda: settled)
            return try_experiment(read_experiment(str(file)), "local", PlainProgress(), around, {})

        yield run


def test_a_fault_under_load(tried: Callable[[bool], Verdict]) -> None:
    checks = list(tried(True).checks)
    assert CALLS == ["stands", "fault", "stands", "back"]
    assert of(checks, "errors").measured == "15"
    assert of(checks, "errors").outcome is Outcome.FAIL
    assert of(checks, "recovery").outcome is Outcome.PASS
    assert 0 < float(of(checks, "recovery").measured.removesuffix(" s")) < 3
    assert of(checks, "clean end").outcome is Outcome.PASS


def test_nothing_is_done_where_not_all_is_well(tried: Callable[[bool], Verdict]) -> None:
    assert tried(False).outcome is Outcome.INCONCLUSIVE
    assert CALLS == []


def test_a_load_that_fails_is_an_error_and_the_end_is_looked_at(
    tried: Callable[[bool], Verdict], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise UserError(what="no worker")

    monkeypatch.setattr(resilience, "run", broken)
    verdict = tried(True)
    assert verdict.outcome is Outcome.ERROR
    assert of(list(verdict.checks), "clean end").outcome is Outcome.PASS
    assert CALLS == [], "no fault without load"
