from __future__ import annotations

import time
from datetime import timedelta

import pytest
import requests
from acme import errors, messages

from domains_operator import acme_issuer
from domains_operator.acme_issuer import Budget
from domains_operator.certificates import Cause, IssueError

WINDOW = timedelta(hours=3)


class TestBudget:
    def test_no_more_orders_than_the_window_allows(self) -> None:
        budget = Budget(3, WINDOW)
        for _ in range(3):
            budget.take()
        with pytest.raises(IssueError) as caught:
            budget.take()
        assert caught.value.cause is Cause.RATE_LIMITED
        assert timedelta(hours=2.9) < caught.value.wait <= WINDOW

    def test_and_again_when_the_first_is_past(self, monkeypatch: pytest.MonkeyPatch) -> None:
        budget, start = Budget(2, WINDOW), time.monotonic()
        budget.take()
        budget.take()
        monkeypatch.setattr(time, "monotonic", lambda: start + WINDOW.total_seconds() + 60)
        budget.take()


def raised(error: BaseException, *waits: timedelta) -> IssueError:
    with pytest.raises(IssueError) as caught, acme_issuer._as_issue_error(list(waits)):
        raise error
    return caught.value


def problem(code: str) -> messages.Error:
    made: messages.Error = messages.Error.from_json({"type": f"urn:ietf:params:acme:error:{code}", "detail": "because"})
    return made


@pytest.mark.parametrize("code", ["rejectedIdentifier", "caa", "unauthorized", "malformed"])
def test_a_refusal_is_one_and_says_why(code: str) -> None:
    found = raised(problem(code))
    assert found.cause is Cause.REFUSED
    assert found.detail == f"{code}: because"


@pytest.mark.parametrize(
    "error",
    [
        problem("serverInternal"),
        requests.ConnectionError("refused"),
        errors.TimeoutError(),
        errors.ClientError("not JSON"),
    ],
)
def test_what_is_no_decision(error: BaseException) -> None:
    assert raised(error).cause is Cause.UNREACHABLE


def test_an_authority_that_says_how_long_to_wait() -> None:
    found = raised(problem("rateLimited"), timedelta(minutes=7))
    assert (found.cause, found.wait) == (Cause.RATE_LIMITED, timedelta(minutes=7))
    assert raised(problem("rateLimited")).wait == timedelta(hours=1)


@pytest.mark.parametrize(
    ("status", "header", "noted"),
    [(429, "30", [timedelta(seconds=30)]), (200, "30", []), (429, "soon", []), (503, "", [])],
)
def test_what_is_taken_from_the_header(status: int, header: str, noted: list[timedelta]) -> None:
    answer = requests.Response()
    answer.status_code = status
    answer.headers["Retry-After"] = header
    waits: list[timedelta] = []
    acme_issuer._waits_into(waits)(answer)
    assert waits == noted
