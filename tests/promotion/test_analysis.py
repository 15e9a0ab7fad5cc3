"""What callers notice in a stage: asked of samples as they come in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from groundwork.verdict import Check, Outcome, worst
from loadtests.job import Row, Series
from loadtests.plan import read_plan
from loadtests.samples import Samples
from promotion.analysis import PATIENCE_SECONDS, SPARE_SECONDS, Question
from promotion.settings import Shift

LEVEL, HOLD, BEGIN = 10, 10.0, 20.0
PLAN = read_plan("shift")  # ten a second
SERIES = Series(tenant="acme", agent="concierge", kind="short", tier="standard")
Answer = Callable[[int], tuple[float, str]]  # number of the request → seconds it takes, error


def asked(answer: Answer, most: float = 120.0, level: float = LEVEL) -> tuple[list[Check], float]:
    """The checks of a question that is asked at BEGIN, and how long it took; looked at each second, as a run does."""
    question = Question(limits=Shift().rules, seconds=HOLD)
    sent = [(number / level, *answer(number)) for number in range(int((BEGIN + most) * level))]
    for second in range(int(BEGIN), int(BEGIN + most)):
        samples = Samples(series=[SERIES])
        samples.add(
            Row(
                series=0,
                intended=round(at * 1e6),
                latency=round(takes * 1e6),
                first=0,
                late=0,
                waited=0,
                error=error,
            )
            for at, takes, error in sent
            if at + takes <= second
        )
        checks = question.look(PLAN, samples, float(second))
        if checks is not None:
            return checks, second - BEGIN
    raise AssertionError("no answer")


def outcome(checks: list[Check]) -> Outcome:
    return worst(check.outcome for check in checks)


def test_good_answers_pass_after_the_time_that_was_asked_for() -> None:
    checks, took = asked(lambda _: (0.03, ""))
    assert outcome(checks) is Outcome.PASS
    assert HOLD <= took <= HOLD + 2


def test_what_was_before_does_not_count() -> None:
    checks, _ = asked(lambda number: (0.03, "http 500" if number < BEGIN * LEVEL else ""))
    assert outcome(checks) is Outcome.PASS


@pytest.mark.parametrize("share", [2, 10])
def test_errors_are_noticed_before_the_time_is_over(share: int) -> None:
    checks, took = asked(lambda number: (0.03, "" if number % share else "http 503"))
    assert outcome(checks) is Outcome.FAIL
    assert took < HOLD


def test_one_slow_answer_in_ten_is_noticed() -> None:
    checks, _ = asked(lambda number: (0.03 if number % 10 else 3.0, ""))
    assert outcome(checks) is Outcome.FAIL


def test_a_version_that_never_answers_is_noticed() -> None:
    """Who only looks at the answers that came would see none of it."""
    checks, took = asked(lambda number: (0.03 if number % 100 else 10_000.0, ""))
    assert outcome(checks) is Outcome.FAIL
    assert checks[-1].name == "answers"
    assert took <= HOLD + PLAN.timeout.total_seconds() + SPARE_SECONDS + 1


def test_too_few_requests_are_waited_for_and_then_are_no_pass() -> None:
    checks, took = asked(lambda _: (0.03, ""), level=0.2)
    assert outcome(checks) is Outcome.INCONCLUSIVE or checks[-1].name == "answers"
    assert took >= PATIENCE_SECONDS
