from __future__ import annotations

import pytest

from agent_runtime.metrics import BUCKETS
from components.agents.manifest import TIERS
from components.documents import DocumentError
from loadtests.slo import FILE, limits, load, read

TEXT = FILE.read_text()


def test_the_file_promises_what_the_tiers_do() -> None:
    promises = load()
    assert {each.tier for each in promises} == set(TIERS)
    for each in promises:
        tier = TIERS[each.tier]
        if each.within is None:
            assert each.target == tier.availability
        else:
            assert each.within == tier.latency.total_seconds()
            # The bucket that is counted must be one that the runtime has, spelt as it spells it.
            assert each.within in BUCKETS
            assert each.good is not None
            assert f'le="{float(each.within)}"' in each.good


def test_the_windows_and_factors_are_the_workbooks() -> None:
    for each in load():
        found = [(b.factor, b.long.total_seconds(), b.short.total_seconds(), b.severity) for b in each.burns]
        assert found == [
            (14.4, 3600, 300, "page"),
            (6.0, 21600, 1800, "page"),
            (3.0, 86400, 7200, "ticket"),
            (1.0, 259200, 21600, "ticket"),
        ]


@pytest.mark.parametrize(("tier", "time"), [("standard", "p(99) < 200ms"), ("heavy", "p(99) < 1000ms")])
def test_the_load_gate_is_held_to_the_same(tier: str, time: str) -> None:
    assert limits(tier).rules() == {f"latency{{tier:{tier}}}": [time], f"errors{{tier:{tier}}}": ["rate < 0.1%"]}


def test_a_tier_that_nothing_is_promised_to_has_no_limits() -> None:
    with pytest.raises(DocumentError, match="'light' has 0 objectives"):
        limits("light")


def _line(of: str) -> int:
    return TEXT[: TEXT.index(of)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("kind: Service", "kind: Servise", "'Servise' is no kind"),
        ("indicatorRef: heavy-latency", "indicatorRef: heavy-latancy", "no SLI called heavy-latancy"),
        ("value: 0.2, target: 0.99", "value: 0.2, target: 0.93", "burn-14x would need more than 101% of requests"),
        ("{op: lte, value: 1, target", "{op: lte, target", "op and value go together"),
        ("groundwork/short-window: 5m", "groundwork/short-window: 2h", "is out of range"),
        ("groundwork/short-window: 5m", "groundwork/short-window: soon", "is not a duration"),
        ('min-failures: "5"', 'min-failures: "0"', "min-failures is '0'"),
        ("lookbackWindow: 3d", "lookbackWindow: 31d", "looks back longer than the period"),
        ("isRolling: true", "isRolling: false", "isRolling"),
        ("conditionRef: burn-6x", "conditionRef: burn-7x", "no AlertCondition called burn-7x"),
    ],
)
def test_a_mistake_is_refused_with_its_line(old: str, new: str, said: str) -> None:
    with pytest.raises(DocumentError) as caught:
        read(TEXT.replace(old, new, 1), "slo.yaml")
    problem = next(each for each in caught.value.problems if said in str(each))
    if "looks back" not in said:
        assert problem.where.startswith(f"slo.yaml:{_line(old)}:")


def test_a_name_that_stands_twice_is_refused() -> None:
    with pytest.raises(DocumentError, match="a second SLI is called standard-availability"):
        read(TEXT.replace("{name: standard-latency}", "{name: standard-availability}"), "slo.yaml")


def test_every_problem_is_told_at_once() -> None:
    text = TEXT.replace("kind: Service", "kind: Servise").replace("counter: true", "counter: false")
    with pytest.raises(DocumentError) as caught:
        read(text, "slo.yaml")
    assert len(caught.value.problems) == 5
