"""How long callers noticed a fault, and which of what failed a retry could have saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from groundwork.verdict import Check, Outcome
from loadtests.experiment import Experiment
from loadtests.running import Run
from loadtests.samples import Samples, percentile

# After the last bad second it must have been good for so long.
GOOD_SECONDS = 10.0
# A second is bad where a request fails, or its median is so many times that before the fault, and by so much.
TIMES, SECONDS = 3.0, 0.25
# The tail is looked at over so long; a 99th percentile of fewer says nothing. It is back where it is no more than this.
TAIL_SECONDS, TAIL_SAMPLES = 5, 100
TAIL_TIMES, TAIL_MORE = 2.0, 0.1


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What Chaos Toolkit did. `began`, `ended`: Unix times of the method; `journal`: its own."""

    began: float | None
    ended: float | None
    journal: Mapping[str, Any]

    @property
    def killed(self) -> float | None:
        """When a process was killed, where an activity says so."""
        return self._time("at")

    @property
    def gone(self) -> float | None:
        """When it was gone with all its connections, which takes the kernel some milliseconds."""
        return self._time("gone")

    def _time(self, name: str) -> float | None:
        outputs = [each.get("output") for each in self.journal.get("run") or []]
        return next((float(each[name]) for each in outputs if isinstance(each, Mapping) and name in each), None)


def checks(experiment: Experiment, measured: Run, fault: Fault) -> list[Check]:
    """As the experiment asks for: recovery always, the tail and what a retry could save where it names them."""
    expects = experiment.expects
    found = [_recovery(experiment, measured, fault)]
    if expects.tail is not None:
        found.append(_tail(expects.tail, measured, fault))
    if expects.retried:
        found.append(_retried(measured, fault))
    return found


def recovered(samples: Samples, began: float, end: float, calm: float) -> float | None:
    """Seconds from the fault to the end of the last bad second; None where it was bad to the end.

    All times are from the run's start; `calm`: the median before the fault, seconds.
    """
    last = began
    for second in range(int(began), int(end)):
        numbers = samples.select({}, second, second + 1)
        times = samples.times(numbers)
        slow = bool(times) and percentile(times, 0.5) > max(TIMES * calm, calm + SECONDS)
        if slow or samples.errors(numbers):
            last = second + 1.0
    return last - began if last + GOOD_SECONDS <= end else None


def tail_back(samples: Samples, began: float, end: float, calm: float) -> tuple[float, float]:
    """Seconds from the fault to the end of the last stretch whose 99th percentile is not as before: least and most.

    `calm`: that percentile before the fault, seconds. What the generator was late by is not the fault's. The two differ
    where stretches have too few answers to say: they count as good in the one and as bad in the other.
    """
    least = most = began
    for second in range(int(began), int(end) - TAIL_SECONDS + 1):
        times = samples.times(samples.undisturbed(samples.select({}, second, second + TAIL_SECONDS)), prompt=True)
        if len(times) < TAIL_SAMPLES:
            most = float(second + TAIL_SECONDS)
        elif percentile(times, 0.99) > max(TAIL_TIMES * calm, calm + TAIL_MORE):
            least = most = float(second + TAIL_SECONDS)
    return least - began, most - began


def could_be_saved(samples: Samples, failed: Sequence[int], killed: float, gone: float) -> list[int]:
    """Which of these failed requests were sent after the killed process was gone, or had failed before the kill.

    Only what it had begun to answer is lost with it: another can still answer all else. All times in seconds from the
    run's start.
    """
    return [
        n
        for n in failed
        if samples.intended[n] + samples.late[n] > gone * 1e6 or samples.intended[n] + samples.latency[n] < killed * 1e6
    ]


def _recovery(experiment: Experiment, measured: Run, fault: Fault) -> Check:
    within, name = experiment.recovery.total_seconds(), "recovery"
    limit = f"within {within:.0f} s"
    at, calm = _before(measured, fault)
    if at is None or not calm:
        return _nothing(name, limit, fault)
    end = measured.plan.seconds
    took = recovered(measured.samples, at, end, percentile(measured.samples.times(calm), 0.5))
    if took is None:
        outcome, why = Outcome.INCONCLUSIVE, f"not within the {end - at:.0f} s of load after the fault"
        if end - at >= within + GOOD_SECONDS:
            outcome = Outcome.FAIL
        return Check(name=name, outcome=outcome, limit=limit, why=why)
    outcome, why = Outcome.PASS if took <= within else Outcome.FAIL, "from the fault to the last bad second"
    return Check(name=name, outcome=outcome, measured=f"{took:.1f} s", limit=limit, why=why)


def _tail(within: timedelta, measured: Run, fault: Fault) -> Check:
    name, limit = "p99 back", f"within {within.total_seconds():.0f} s"
    at, before = _before(measured, fault)
    samples = measured.samples
    calm = samples.times(samples.undisturbed(before), prompt=True)
    if at is None or len(calm) < TAIL_SAMPLES:
        return _nothing(name, limit, fault)
    usual = percentile(calm, 0.99)
    least, most = tail_back(samples, at, measured.plan.seconds, usual)
    outcome = Outcome.PASS if most <= within.total_seconds() else Outcome.INCONCLUSIVE
    if least > within.total_seconds():
        outcome = Outcome.FAIL
    why = f"{usual * 1000:.0f} ms before; from the fault to the last {TAIL_SECONDS} s with more"
    return Check(name=name, outcome=outcome, measured=f"{most:.1f} s", limit=limit, why=why)


def _retried(measured: Run, fault: Fault) -> Check:
    name, limit = "failed that a retry could save", "none"
    if fault.killed is None or fault.gone is None:
        return _nothing(name, limit, fault)
    samples, start = measured.samples, measured.began.timestamp()
    killed, gone = fault.killed - start, fault.gone - start
    counted = samples.select({}, measured.plan.warm_up.total_seconds(), measured.plan.seconds)
    failed = [number for number in counted if samples.error[number]]
    could = could_be_saved(samples, failed, killed, gone)
    why = f"{len(failed)} failed, {len(failed) - len(could)} of them under way at the kill; {len(counted)} sent"
    named = [f"{samples.names[samples.error[n]]}, sent {samples.intended[n] / 1e6 - killed:+.2f} s" for n in could[:3]]
    if named:
        why += f"; {'; '.join(named)}"
    return Check(
        name=name, outcome=Outcome.FAIL if could else Outcome.PASS, measured=str(len(could)), limit=limit, why=why
    )


def _before(measured: Run, fault: Fault) -> tuple[float | None, list[int]]:
    """When the fault began, seconds from the run's start, and the requests between warm-up and it.

    An activity that kills looks for whom first: then it began with the kill.
    """
    began = fault.killed or fault.began
    if began is None:
        return None, []
    at = began - measured.began.timestamp()
    if at >= measured.plan.seconds:
        return None, []
    return at, measured.samples.select({}, measured.plan.warm_up.total_seconds(), at)


def _nothing(name: str, limit: str, fault: Fault) -> Check:
    why = "nothing was done" if fault.began is None else "there was no load before the fault, or too little to say"
    return Check(name=name, outcome=Outcome.INCONCLUSIVE, limit=limit, why=why)
