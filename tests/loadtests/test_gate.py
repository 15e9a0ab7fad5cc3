"""From what was measured to a verdict."""

from __future__ import annotations

import random

import pytest

from groundwork.verdict import Check, Outcome, Verdict, worst
from loadtests.gate import Baseline, hopeless, judge, rules
from loadtests.limits import Limit, parse
from loadtests.samples import histogram, percentile
from loadtests.statistics import ratio, wilson
from tests.loadtests import made

LIMITS = {"latency": [{"limit": "p(95) < 200ms", "within": 0.1}], "errors": [{"limit": "rate < 0.5%"}]}


def outcome(checks: list[Check]) -> Outcome:
    return worst(check.outcome for check in checks)


def baseline(seed: int = 1) -> Baseline:
    earlier = made.run(made.plan(), seed=seed)
    return Baseline(run="earlier", samples=earlier.samples, begin=0, end=20)


@pytest.mark.parametrize("seed", range(10, 20))
def test_an_unchanged_build_passes(seed: int) -> None:
    plan = made.plan(limits=LIMITS)
    checks = judge(made.run(plan, seed=seed), rules(plan), baseline())
    assert outcome(checks) is Outcome.PASS, checks


@pytest.mark.parametrize("seed", range(10, 20))
@pytest.mark.parametrize(("slower", "errors"), [(1.25, 0.0), (1.0, 0.01)])
def test_a_regression_is_caught(seed: int, slower: float, errors: float) -> None:
    plan = made.plan(limits=LIMITS)
    checks = judge(made.run(plan, seed=seed, slower=slower, errors=errors), rules(plan), baseline())
    assert outcome(checks) is Outcome.FAIL, checks


def test_no_samples_is_inconclusive() -> None:
    plan = made.plan(limits=LIMITS)
    checks = judge(made.run(plan, count=0), rules(plan), baseline())
    assert {check.outcome for check in checks} == {Outcome.INCONCLUSIVE}


def test_no_limits_is_inconclusive() -> None:
    assert outcome(judge(made.run(made.plan()), [], None)) is Outcome.INCONCLUSIVE


def test_no_checks_is_inconclusive() -> None:
    assert Verdict.of("load", "local", made.BEGAN, {}, []).outcome is Outcome.INCONCLUSIVE


def test_too_few_samples_is_inconclusive_though_they_are_fast() -> None:
    plan = made.plan(limits={"latency": ["p(99) < 10s"]})
    assert outcome(judge(made.run(plan, count=499), rules(plan), None)) is Outcome.INCONCLUSIVE
    assert outcome(judge(made.run(plan, count=500), rules(plan), None)) is Outcome.PASS


def test_few_samples_can_be_enough_to_fail() -> None:
    plan = made.plan(limits={"errors": ["rate < 0.1%"]})
    assert outcome(judge(made.run(plan, count=50, errors=0.5), rules(plan), None)) is Outcome.FAIL


def test_a_window_without_samples_is_no_pass() -> None:
    plan = made.plan(limits={"latency": [{"limit": "p(50) < 1s", "window": "5s", "minSamples": 10}]})
    run = made.run(plan)
    assert outcome(judge(run, rules(plan), None)) is Outcome.PASS
    for number in range(1000):
        run.samples.error[number] = 1
    run.samples.names.append("gone")
    assert outcome(judge(run, rules(plan), None)) is Outcome.INCONCLUSIVE


def test_one_bad_window_fails_though_the_whole_run_is_good() -> None:
    plan = made.plan(limits={"latency": ["p(50) < 100ms", {"limit": "p(50) < 100ms", "window": "2s"}]})
    run = made.run(plan)
    for number in range(400, 600):
        run.samples.latency[number] = 500_000
    whole, window = judge(run, rules(plan), None)[1:]
    assert (whole.outcome, window.outcome) == (Outcome.PASS, Outcome.FAIL)


def test_a_generator_that_was_late_itself_gives_no_verdict() -> None:
    plan = made.plan(limits={"latency": ["p(95) < 150ms"]})
    generator, limit = judge(made.run(plan, late=150_000), rules(plan), None)
    assert (generator.outcome, limit.outcome) == (Outcome.PASS, Outcome.INCONCLUSIVE)
    slow = judge(made.run(plan, late=150_000, slower=4), rules(plan), None)
    assert slow[-1].outcome is Outcome.FAIL, "it is too slow without the generator's delay too"


PAUSES = ((4.0, 4.3), (9.0, 9.3), (15.0, 15.3))


def test_a_generator_that_stood_still_now_and_then_is_named_where_it_broke_a_limit() -> None:
    plan = made.plan(limits={"latency": ["p(95) < 100ms", "p(50) < 100ms", {"limit": "p(95) < 100ms", "window": "5s"}]})
    generator, tail, middle, window = judge(made.run(plan, pauses=PAUSES), rules(plan), None)
    assert (generator.outcome, middle.outcome) == (Outcome.PASS, Outcome.PASS), "it changed nothing there"
    for check in (tail, window):
        assert check.outcome is Outcome.INCONCLUSIVE
        assert "load generator" in check.why


def test_a_generator_that_stood_still_excuses_no_slow_build() -> None:
    plan = made.plan(limits={"latency": ["p(95) < 150ms"], "errors": ["rate < 0.5%"]})
    _, slow, errors = judge(made.run(plan, pauses=PAUSES, slower=2.5, errors=0.03), rules(plan), None)
    assert (slow.outcome, errors.outcome) == (Outcome.FAIL, Outcome.FAIL)


def test_a_machine_that_is_too_busy_blames_no_build_for_a_time_but_for_errors() -> None:
    plan = made.plan(limits={"latency": [{"limit": "p(95) < 100ms", "within": 0.1}], "errors": ["rate < 0.5%"]})
    pauses = [(second + 0.5, second + 0.57) for second in range(20)]  # 7 % of the time
    checks = judge(made.run(plan, pauses=pauses, slower=2.5, errors=0.03), rules(plan), baseline())
    generator, slow, compared, errors = checks
    assert (generator.outcome, errors.outcome) == (Outcome.PASS, Outcome.FAIL)
    for check in (slow, compared):
        assert check.outcome is Outcome.INCONCLUSIVE
        assert "load generator" in check.why
    assert hopeless(rules(plan)[0], made.run(plan, pauses=pauses, slower=2.5).samples, plan) is None


def test_a_generator_that_stood_still_too_long_did_not_send_what_was_planned() -> None:
    plan = made.plan(limits={"latency": ["p(50) < 150ms"]})
    generator, middle = judge(made.run(plan, pauses=[(4, 6.5)]), rules(plan), None)
    assert (generator.outcome, middle.outcome) == (Outcome.INCONCLUSIVE, Outcome.PASS)


@pytest.mark.parametrize("seed", range(10, 20))
def test_a_comparison_leaves_out_what_a_pause_has_touched(seed: int) -> None:
    plan = made.plan(limits={"latency": [{"limit": "p(95) < 10s", "within": 0.1}]})
    compared = judge(made.run(plan, seed=seed, pauses=PAUSES), rules(plan), baseline())[-1]
    assert compared.outcome is Outcome.PASS, compared
    compared = judge(made.run(plan, seed=seed, slower=1.25, pauses=PAUSES), rules(plan), baseline())[-1]
    assert compared.outcome is Outcome.FAIL, compared


def test_what_the_generator_held_up_makes_nothing_hopeless() -> None:
    plan = made.plan()
    rule = parse("latency", "p(99) < 150ms")
    assert hopeless(rule, made.run(plan, pauses=PAUSES).samples, plan) is None
    assert hopeless(rule, made.run(plan, pauses=PAUSES, slower=2.5).samples, plan) is not None


def test_no_earlier_run_is_inconclusive() -> None:
    plan = made.plan(limits=LIMITS)
    assert outcome(judge(made.run(plan), rules(plan), None)) is Outcome.INCONCLUSIVE


def test_a_run_that_ended_early_fails() -> None:
    plan = made.plan(limits={"requests": ["count > 1"]})
    assert outcome(judge(made.run(plan, aborted="hopeless"), rules(plan), None)) is Outcome.FAIL


def test_hopeless_is_said_when_it_is_certain_and_not_before() -> None:
    plan = made.plan()
    rule = parse("latency", "p(99) < 100ms")
    slow = [200_000] * 20
    assert hopeless(rule, made.samples_of([50_000] * 500 + slow), plan) is None, "20 of 2000 may be above"
    assert hopeless(rule, made.samples_of([50_000] * 500 + [*slow, 200_000]), plan) is not None
    errors = parse("errors", "rate < 1%")
    assert hopeless(errors, made.samples_of([1] * 100, ["x"] * 19), plan) is None
    assert hopeless(errors, made.samples_of([1] * 100, ["x"] * 20), plan) is not None
    assert hopeless(parse("errors", Limit(limit="rate < 1%", abort=False)), made.samples_of([1], ["x"]), plan) is None
    assert hopeless(errors, made.samples_of([1] * 100, ["x"] * 100), made.plan(mode="closed")) is None


def test_the_histogram_is_exact_to_a_thousandth() -> None:
    chance = random.Random(3)  # noqa: S311
    times = [max(1, int(chance.lognormvariate(10, 1.5))) for _ in range(20_000)]
    ordered = sorted(times)
    for share in (0.5, 0.9, 0.99, 0.999):
        exact = ordered[int(share * len(ordered)) - 1]
        assert percentile(times, share) * 1e6 == pytest.approx(exact, rel=0.002)
    assert histogram(times).get_total_count() == len(times)


def test_a_ratio_holds_the_truth() -> None:
    chance = random.Random(5)  # noqa: S311
    now, before = (
        [[int(scale * chance.lognormvariate(0, 0.3)) for _ in range(80)] for _ in range(25)]
        for scale in (12_000, 10_000)
    )
    found = ratio(now, before, 0.95)
    assert found.low < 1.2 < found.high
    assert found.low < found.value < found.high


def test_wilson() -> None:
    low, high = wilson(10, 100, z=1.96)
    assert low == pytest.approx(0.0552, abs=1e-4)
    assert high == pytest.approx(0.1744, abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
