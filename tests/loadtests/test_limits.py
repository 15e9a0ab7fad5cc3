"""The grammar of limits."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from loadtests.limits import Limit, least_samples, parse
from tests.loadtests import made


@pytest.mark.parametrize(
    ("metric", "limit", "how", "share", "value"),
    [
        ("latency", "p(99)<200", "p", 0.99, 0.2),
        ("latency", "p(99.9) <= 1.5s", "p", 0.999, 1.5),
        ("latency{tenant:acme}", "med < 800us", "p", 0.5, 0.0008),
        ("first{kind:streaming}", "avg < 30ms", "avg", 0, 0.03),
        ("errors", "rate < 0.1%", "rate", 0, 0.001),
        ("errors", "rate<0.001", "rate", 0, 0.001),
        ("errors", "count <= 5", "count", 0, 5),
        ("requests", "rate > 40", "rate", 0, 40),
    ],
)
def test_reads(metric: str, limit: str, how: str, share: float, value: float) -> None:
    rule = parse(metric, limit)
    assert rule.how == how
    assert rule.share == pytest.approx(share)
    assert rule.value == pytest.approx(value)


@pytest.mark.parametrize(
    ("metric", "limit"),
    [
        ("latency", "p(101) < 200ms"),
        ("latency", "rate < 1%"),
        ("latency", "p(99) < 5%"),
        ("latency", "p(99) == 200"),
        ("latency", "p(99) < -1"),
        ("errors", "p(99) < 200"),
        ("errors", "count < 5ms"),
        ("latencies", "p(99) < 200"),
        ("latency{colour:red}", "p(99) < 200"),
        ("latency{tenant}", "p(99) < 200"),
        ("latency", ""),
    ],
)
def test_refuses(metric: str, limit: str) -> None:
    with pytest.raises(PydanticCustomError):
        parse(metric, limit)


def test_a_plan_with_a_bad_limit_is_refused() -> None:
    with pytest.raises(ValidationError, match="is not a limit"):
        made.plan(limits={"latency": ["p99 < 200ms"]})


def test_a_comparison_is_of_a_whole_run() -> None:
    with pytest.raises(PydanticCustomError):
        parse("errors", Limit(limit="rate < 1%", within=0.1))


@pytest.mark.parametrize(
    ("metric", "limit", "needed"),
    [
        ("latency", "p(99) < 1s", 500),
        ("latency", "p(99.9) < 1s", 5000),
        ("latency", "p(50) < 1s", 10),
        ("errors", "rate < 0.1%", 3000),
        ("latency", "max < 1s", 1),
    ],
)
def test_least_samples(metric: str, limit: str, needed: int) -> None:
    assert least_samples(parse(metric, limit)) == needed


@given(st.floats(0.01, 99.99), st.integers(1, 10**6), st.sampled_from(["us", "ms", "s"]), st.sampled_from("<>"))
def test_what_is_written_is_read(share: float, value: int, unit: str, operator: str) -> None:
    rule = parse("latency", f"p({share:.2f}) {operator} {value}{unit}")
    assert rule.share == pytest.approx(float(f"{share:.2f}") / 100)
    assert rule.value == pytest.approx(value * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit])
    assert rule.holds(rule.value * 0.9) is (operator == "<")


@given(st.text(max_size=30))
def test_never_anything_but_a_refusal(text: str) -> None:
    try:
        parse("latency", text)
    except PydanticCustomError as error:
        assert "allowed" in json.dumps(error.context)
