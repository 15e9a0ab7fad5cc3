"""Runs an experiment under constant load: what users noticed, how long until it was as before, and a clean end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from groundwork.verdict import Check, Outcome, Verdict
from groundwork.waiting import wait_until
from loadtests import recovery
from loadtests.execute import Request, reached
from loadtests.experiment import Experiment
from loadtests.gate import judge
from loadtests.plan import Plan, read_plan
from loadtests.recovery import Fault
from loadtests.running import Run, Target, run
from loadtests.samples import Samples

# Before the fault: what the load looks like when nothing is wrong.
CALM_SECONDS = 12.0


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What must be the same before and after. `declared`: object → what it is; `settled`: whether all of it is so."""

    declared: Callable[[], Mapping[str, str]]
    settled: Callable[[], bool]


def try_experiment(
    experiment: Experiment, environment: str, progress: Progress, around: Surroundings, about: Mapping[str, str]
) -> Verdict:
    """Nothing is done to what is not settled. Roll-backs run whatever happens. What cannot be run is an error in it."""
    try:
        checks = _tried(experiment, environment, progress, around)
    except UserError as error:
        checks = [Check(name="run", outcome=Outcome.ERROR, why=str(error))]
    named = {"experiment": experiment.name, **about}
    return Verdict.of("resilience", environment, datetime.now(UTC), named, checks)


def _tried(experiment: Experiment, environment: str, progress: Progress, around: Surroundings) -> list[Check]:
    plan = read_plan(experiment.expects.load)
    with progress.step(experiment.title) as step, reached(Request(plan=plan, environment=environment)) as target:
        step.update("is all well before?")
        if not around.settled():
            return [Check(name="before", outcome=Outcome.INCONCLUSIVE, why="not all is well: nothing was done")]
        before = around.declared()
        load = Load(plan, target)
        load.start()
        step.update("load without a fault")
        fault: Fault | None = None
        if load.has_sent(plan.warm_up.total_seconds() + CALM_SECONDS):
            step.update("the fault")
            fault = do(experiment)
        step.update("waiting for the load's end")
        try:
            measured = load.end()
            checks = outcome(experiment, measured, fault) if fault is not None else [_no_load()]
        except UserError as error:  # the end is looked at all the same
            checks = [Check(name="load", outcome=Outcome.ERROR, why=str(error))]
        step.update("is all well after?")
        settled = around.settled()
    return [*checks, clean(before, around.declared(), settled=settled)]


class Load:
    """A load run in a thread of its own."""

    def __init__(self, plan: Plan, target: Target) -> None:
        self._plan, self._target = plan, target
        self._found: list[Run] = []
        self._errors: list[UserError] = []
        self._passed = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def has_sent(self, seconds: float) -> bool:
        """Wait until the load has run for so long; False where it has ended before."""
        wait_until(lambda: self._passed >= seconds or not self._thread.is_alive(), seconds + 60)
        return self._passed >= seconds and self._thread.is_alive()

    def end(self) -> Run:
        """Wait for its end. Raises UserError where it failed."""
        self._thread.join()
        if self._errors:
            raise self._errors[0]
        return self._found[0]

    def _run(self) -> None:
        try:
            self._found.append(run(self._plan, self._target, self._watch))
        except UserError as error:
            self._errors.append(error)
        except Exception as error:  # noqa: BLE001 – said by end(), in the thread that asks
            self._errors.append(UserError(what=f"the load failed: {error!r}", code=ExitCode.ERROR))

    def _watch(self, _: Samples, passed: float) -> str | None:
        self._passed = passed
        return None


def do(experiment: Experiment) -> Fault:
    """Steady state, method, steady state, roll-backs: by Chaos Toolkit, roll-backs always."""
    from chaoslib.experiment import run_experiment

    settings = {"runtime": {"rollbacks": {"strategy": "always"}}}
    journal: Mapping[str, Any] = run_experiment(dict(experiment.document), settings=settings)
    activities = journal.get("run", [])
    times = [(each["start"], each["end"]) for each in activities if each.get("start") and each.get("end")]
    return Fault(
        began=_unix(times[0][0]) if times else None,
        ended=_unix(times[-1][1]) if times else None,
        journal=journal,
    )


def outcome(experiment: Experiment, measured: Run, fault: Fault) -> list[Check]:
    """What Chaos Toolkit saw, what users noticed, and how long it took."""
    return [
        *_steady(fault.journal),
        *judge(measured, experiment.expects.rules(), None),
        *recovery.checks(experiment, measured, fault),
    ]


def _steady(journal: Mapping[str, Any]) -> list[Check]:
    """The steady state before and after, every activity, every roll-back."""
    states = journal.get("steady_states") or {}
    checks = []
    for moment in ("before", "after"):
        met = (states.get(moment) or {}).get("steady_state_met")
        bad = Outcome.INCONCLUSIVE if moment == "before" else Outcome.FAIL
        outcome_ = Outcome.PASS if met else bad
        checks.append(Check(name=f"steady state {moment}", outcome=outcome_, why=str(journal.get("status", ""))))
    for title, found in (("method", journal.get("run") or []), ("roll-back", journal.get("rollbacks") or [])):
        checks.append(_activities(title, found))
    return checks


def _activities(title: str, found: Sequence[Mapping[str, Any]]) -> Check:
    bad = [f"{each['activity']['name']}: {_last_line(each)}" for each in found if not _worked(each)]
    if not found:
        return Check(name=title, outcome=Outcome.INCONCLUSIVE, why="nothing was done")
    outcome_ = Outcome.FAIL if bad else Outcome.PASS
    return Check(name=title, outcome=outcome_, why="; ".join(bad) or f"{len(found)} activities")


def _worked(activity: Mapping[str, Any]) -> bool:
    """An activity that ends, and that says no where it has something to say."""
    return activity.get("status") == "succeeded" and activity.get("output") is not False


def _last_line(activity: Mapping[str, Any]) -> str:
    lines = [str(line).strip() for line in activity.get("exception") or [] if str(line).strip()]
    return lines[-1] if lines else str(activity.get("status"))


def clean(before: Mapping[str, str], after: Mapping[str, str], *, settled: bool) -> Check:
    """Everything that is declared is as it was, and is there."""
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if not before:
        return Check(name="clean end", outcome=Outcome.INCONCLUSIVE, why="nothing is declared")
    why = f"{len(before)} objects are as they were"
    if names:
        why = f"left changed: {', '.join(names)}"
    elif not settled:
        why = "not all of it is ready again"
    return Check(name="clean end", outcome=Outcome.PASS if settled and not names else Outcome.FAIL, why=why)


def _no_load() -> Check:
    return Check(name="load", outcome=Outcome.INCONCLUSIVE, why="it ended before the fault: nothing was done")


def _unix(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
