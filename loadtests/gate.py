"""Turns what a run measured into a verdict: each limit is a check, and so is the load generator itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from components.documents import DocumentError
from components.problems import as_user_error
from groundwork.verdict import Check, Outcome
from loadtests.limits import Rule, parse
from loadtests.plan import Plan
from loadtests.running import Run
from loadtests.samples import Samples, percentile
from loadtests.shapes import stages, total
from loadtests.statistics import ratio, wilson

# A worker that needs more of its core than this delays what it measures.
BUSY = 0.85
# A generator that stands still for more of the time than the first does not send what was planned. Below it, what it is
# late by can only make a run look worse, as it counts in the latency: a limit that is broken is asked again without.
# Beyond the second, others have taken so much of the machine that no build is blamed for a time.
STILL, CROWDED = 0.10, 0.05
# The widest interval in which a comparison says that nothing has changed.
WIDEST = 0.25


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """An earlier passing run of the same plan: its id, and its times by the tags asked for."""

    run: str
    samples: Samples
    begin: float
    end: float


def rules(plan: Plan, tiers: Iterable[str] = ()) -> list[Rule]:
    """The plan's limits, and what is promised of the tiers that it asks. Raises UserError for a bad slo.yaml."""
    own = [(metric, limit) for metric, limits in plan.limits.items() for limit in limits]
    return [parse(metric, limit) for metric, limit in [*own, *(_promised(tiers) if plan.slo else ())]]


def _promised(tiers: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The promise leaves the model's own time out and a client cannot: held to this, an agent is held to more."""
    from loadtests.slo import limits

    try:
        for tier in sorted(set(tiers)):
            for metric, texts in limits(tier).rules().items():
                yield from ((metric, text) for text in texts)
    except DocumentError as error:
        raise as_user_error(error) from None


def judge(run: Run, limits: Sequence[Rule], baseline: Baseline | None) -> list[Check]:
    """A check for each limit, and for whether the generator could keep its own plan."""
    generator = _generator(run)
    checks = [generator]
    if not limits:
        checks.append(Check(name="limits", outcome=Outcome.INCONCLUSIVE, why="there is no limit to hold it to"))
    begin, end = run.plan.warm_up.total_seconds(), run.plan.seconds
    if run.aborted is not None:
        checks.append(Check(name="ended early", outcome=Outcome.FAIL, why=run.aborted))
    for rule in limits:
        checks.extend(hold([rule], run.samples, begin, end))
        if rule.within is not None:
            checks.append(_excused(_compared(rule, run, baseline), run.samples, begin, end))
    return checks


def hold(limits: Iterable[Rule], samples: Samples, begin: float, end: float) -> list[Check]:
    """A check for each limit, of what was meant to be sent in [begin, end) seconds."""
    return [_doubted(_held(rule, samples, begin, end), rule, samples, begin, end) for rule in limits]


def hopeless(rule: Rule, samples: Samples, plan: Plan) -> str | None:
    """Why a limit cannot be held any more, whatever is still to come; None while it can, or where that is unknown.

    Exact, not a guess: in open mode it is known how many requests there will be.
    """
    if not rule.abort or rule.window is not None or not rule.upper or plan.mode != "open":
        return None
    begin = plan.warm_up.total_seconds()
    numbers = samples.select(rule.tags, begin)
    expected = max(len(numbers), _expected(plan, rule))
    failed = sum(1 for n in numbers if samples.error[n])
    if rule.metric == "errors":
        reached = failed / expected if rule.how == "rate" and expected else failed
        return f"{rule.text}: {failed} errors already" if failed and not rule.holds(reached) else None
    if rule.how != "p" or expected < rule.min_samples:
        return None
    if numbers and _still(samples, begin, max(samples.intended[n] for n in numbers) / 1e6) > CROWDED:
        return None
    own = samples.times(samples.undisturbed(numbers), rule.metric, prompt=True)
    over = sum(1 for value in own if not rule.holds(value / 1e6))
    allowed = expected - ceil(rule.share * expected)
    return f"{rule.text}: {over} of {expected} are above it already" if over > allowed else None


def measure(
    rule: Rule, samples: Samples, numbers: Sequence[int], seconds: float, *, prompt: bool = False
) -> tuple[float, int]:
    """The value that a limit speaks of, and of how many samples. Raises ValueError where there are none.

    `prompt`: without the generator's own delay, as in `Samples.times`.
    """
    if rule.metric in {"requests", "errors"}:
        count = len(numbers)
        if rule.metric == "errors":
            count = sum(1 for n in numbers if samples.error[n])
            return (count / len(numbers) if rule.how == "rate" else float(count)), len(numbers)
        return (count / seconds if rule.how == "rate" else float(count)), count
    times = samples.times(numbers, rule.metric, prompt=prompt)
    match rule.how:
        case "avg":
            return sum(times) / len(times) / 1e6, len(times)
        case "min":
            return min(times) / 1e6, len(times)
        case "max":
            return max(times) / 1e6, len(times)
    return percentile(times, rule.share), len(times)


def shown(rule: Rule, value: float) -> str:
    """A value with the unit of its metric."""
    if rule.metric in {"latency", "first"}:
        return f"{value * 1000:.1f} ms"
    if rule.how == "rate":
        return f"{value:.3%}" if rule.metric == "errors" else f"{value:.1f}/s"
    return f"{value:.0f}"


def _held(rule: Rule, samples: Samples, begin: float, end: float, *, prompt: bool = False) -> Check:
    if rule.window is not None:
        return _windowed(rule, samples, begin, end, prompt=prompt)
    return _whole(rule, samples, begin, end, prompt=prompt)


def _doubted(check: Check, rule: Rule, samples: Samples, begin: float, end: float) -> Check:
    """A time that is broken is asked again of what the generator did in time itself: it must be broken there too."""
    if check.outcome is not Outcome.FAIL or rule.metric not in {"latency", "first"}:
        return check
    check = _excused(check, samples, begin, end)
    if check.outcome is not Outcome.FAIL:
        return check
    again = _held(rule, samples, begin, end, prompt=True)
    if again.outcome is Outcome.FAIL:
        return check
    found = again.measured or "too few are left"
    why = f"{check.why}; the load generator was late itself: without what that touched {found} ({again.why})"
    return check.model_copy(update={"outcome": Outcome.INCONCLUSIVE, "why": why})


def _excused(check: Check, samples: Samples, begin: float, end: float) -> Check:
    """A time that is broken says nothing where the generator was kept from its processor for long: others were too."""
    still = _still(samples, begin, end)
    if check.outcome is not Outcome.FAIL or still <= CROWDED:
        return check
    why = f"{check.why}; the load generator stood still for {still:.1%} of the time: the machine was too busy to tell"
    return check.model_copy(update={"outcome": Outcome.INCONCLUSIVE, "why": why})


def _still(samples: Samples, begin: float, end: float) -> float:
    return samples.still(begin, end) / (end - begin) if end > begin else 0.0


def _whole(rule: Rule, samples: Samples, begin: float, end: float, *, prompt: bool) -> Check:
    numbers = _selected(rule, samples, begin, end, prompt=prompt)
    if not numbers:
        return _unknown(rule, 0)
    try:
        value, count = measure(rule, samples, numbers, end - begin, prompt=prompt)
    except (ValueError, ZeroDivisionError):
        return _unknown(rule, 0)
    if count < rule.min_samples and not _surely_broken(rule, value, count):
        return _unknown(rule, count)
    outcome = Outcome.PASS if rule.holds(value) else Outcome.FAIL
    return Check(
        name=rule.text, outcome=outcome, measured=shown(rule, value), limit=_limit(rule), why=f"{count} samples"
    )


def _selected(rule: Rule, samples: Samples, begin: float, end: float, *, prompt: bool) -> list[int]:
    numbers = samples.select(rule.tags, begin, end)
    return samples.undisturbed(numbers) if prompt else numbers


def _surely_broken(rule: Rule, value: float, count: int) -> bool:
    """Few samples can still be enough to say no: where the least that the rate can be is above its limit."""
    if rule.metric != "errors" or not rule.upper:
        return False
    return wilson(round(value * count), count)[0] > rule.value if rule.how == "rate" else not rule.holds(value)


def _windowed(rule: Rule, samples: Samples, begin: float, end: float, *, prompt: bool) -> Check:
    """The worst of whole windows; one with too few samples leaves the check without a pass."""
    length = rule.window or end - begin
    found: list[tuple[float, float]] = []
    empty = 0
    number = 0
    while begin + (number + 1) * length <= end + 1e-9:
        start = begin + number * length
        number += 1
        numbers = _selected(rule, samples, start, start + length, prompt=prompt)
        try:
            value, count = measure(rule, samples, numbers, length, prompt=prompt)
        except (ValueError, ZeroDivisionError):
            empty += 1
            continue
        if count < rule.min_samples:
            empty += 1
            continue
        found.append((value, start))
    if not found:
        return Check(
            name=rule.text, outcome=Outcome.INCONCLUSIVE, limit=_limit(rule), why=f"no window of {number} is full"
        )
    value, start = (max if rule.upper else min)(found)
    broken = sum(1 for each, _ in found if not rule.holds(each))
    outcome = Outcome.FAIL if broken else Outcome.INCONCLUSIVE if empty else Outcome.PASS
    why = f"the worst of {number} windows is at {start:g} s; {broken} break it, {empty} have too few samples"
    return Check(name=rule.text, outcome=outcome, measured=shown(rule, value), limit=_limit(rule), why=why)


def _compared(rule: Rule, run: Run, baseline: Baseline | None) -> Check:
    """Fails only where the slowdown is beyond both the share that is allowed and the noise of the two runs."""
    name, within = f"{rule.text}, against an earlier run", rule.within or 0.0
    limit = f"at most {within:.0%} slower"
    if baseline is None:
        return Check(name=name, outcome=Outcome.INCONCLUSIVE, limit=limit, why="no earlier passing run of this plan")
    share = rule.share if rule.how == "p" else 0.5
    begin, end = run.plan.warm_up.total_seconds(), run.plan.seconds
    try:
        found = ratio(
            _seconds(rule, run.samples, begin, end),
            _seconds(rule, baseline.samples, baseline.begin, baseline.end),
            share,
        )
    except ValueError:
        return Check(name=name, outcome=Outcome.INCONCLUSIVE, limit=limit, why="one of the runs has no samples")
    if found.low > 1 + within:
        outcome = Outcome.FAIL
    else:
        outcome = Outcome.PASS if found.high <= 1 + within + WIDEST else Outcome.INCONCLUSIVE
    why = f"98 % interval {found.low:.3f} to {found.high:.3f}, against {baseline.run}"
    return Check(name=name, outcome=outcome, measured=f"{found.value:.3f} times as long", limit=limit, why=why)


def _seconds(rule: Rule, samples: Samples, begin: float, end: float) -> list[list[int]]:
    """The times of each second that has any, without what the two runs' generators held up."""
    blocks: dict[int, list[int]] = {}
    for n in _selected(rule, samples, begin, end, prompt=True):
        times = samples.times((n,), rule.metric, prompt=True)
        if times:
            blocks.setdefault(samples.intended[n] // 1_000_000, []).extend(times)
    return [blocks[second] for second in sorted(blocks)]


def _generator(run: Run) -> Check:
    """Whether what was sent is what was planned. That it was late now and then is seen limit by limit."""
    busiest = max((worker.processor / worker.seconds for worker in run.workers if worker.seconds), default=0.0)
    samples = run.samples
    begin, end = run.plan.warm_up.total_seconds(), run.plan.seconds
    numbers = samples.select({}, begin, end)
    still = _still(samples, begin, end)
    waited = sum(samples.waited[n] for n in numbers)
    good = bool(numbers) and busiest <= BUSY and still <= STILL
    return Check(
        name="load generator",
        outcome=Outcome.PASS if good else Outcome.INCONCLUSIVE,
        measured=f"{busiest:.0%} of a core, stood still for {still:.1%} of the time, "
        f"requests {_late(run) * 1000:.1f} ms late (p99)",
        limit=f"{BUSY:.0%}, {STILL:.0%}",
        why=f"{waited} of {len(numbers)} requests waited for a free connection, which their latency has in it",
    )


def _late(run: Run) -> float:
    """The 99th percentile of how late requests were sent that had a free connection; 0 in closed mode."""
    numbers = run.samples.select({}, run.plan.warm_up.total_seconds(), run.plan.seconds)
    late = [max(1, run.samples.late[n]) for n in numbers if not run.samples.waited[n]]
    return percentile(late, 0.99) if late and run.plan.mode == "open" else 0.0


def _expected(plan: Plan, rule: Rule) -> int:
    """The requests that a limit will have been held against, at least: of the rule's tags where they are all."""
    if rule.tags:
        weight = sum(share for share, fits in _shares(plan, rule) if fits)
        return ceil(weight * total(stages(plan)) * 1.1)  # chance decides who asks: a tenth more than its share
    return ceil(total(stages(plan)) * (1.1 if plan.arrivals == "poisson" else 1.0))


def _shares(plan: Plan, rule: Rule) -> Iterator[tuple[float, bool]]:
    whole = sum(users.weight for users in plan.users)
    for users in plan.users:
        mix = sum(users.mix.values())
        for kind, share in users.mix.items():
            tags = {"tenant": users.tenant, "agent": users.agent, "kind": kind}
            # The tier is not in the plan: a share that may be the rule's counts, so that nothing is given up early.
            fits = all(tags.get(tag, value) == value for tag, value in rule.tags.items())
            yield users.weight / whole * share / mix, fits


def _unknown(rule: Rule, count: int) -> Check:
    why = f"{count} samples, {rule.min_samples} are needed"
    return Check(name=rule.text, outcome=Outcome.INCONCLUSIVE, limit=_limit(rule), why=why)


def _limit(rule: Rule) -> str:
    return f"{rule.operator} {shown(rule, rule.value)}"
