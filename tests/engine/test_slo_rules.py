"""The burn alerts by promtool: each fires, does not fire, and clears."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from loadtests.rules import files
from loadtests.slo import Burn, Promise, load
from tests.promtool import Case, alerts, check, counter, ensured, run_cases

pytestmark = pytest.mark.engine

PROMISES = load()
RULES = files(PROMISES)
# A minute: 6,000 requests are enough that 0.1 % of an hour is a number.
REQUESTS = 6000


@pytest.fixture(scope="module", autouse=True)
def _promtool() -> None:
    ensured()


def _events(promise: Promise, tenant: str, *parts: tuple[float, float, int]) -> dict[str, str]:
    """(requests a minute, share that is bad, minutes), as the agent of a tenant counts them."""
    common = f'tier="{promise.tier}",tenant="{tenant}",agent="one",route="/v1/invoke"'
    total = [(requests, minutes) for requests, _, minutes in parts]
    bad = [(requests * share, minutes) for requests, share, minutes in parts]
    good = [(requests * (1 - share), minutes) for requests, share, minutes in parts]
    if promise.within is None:
        return {
            f'agent_requests_total{{{common},status="200"}}': counter(*good),
            f'agent_requests_total{{{common},status="502"}}': counter(*bad),
        }
    return {
        f"agent_overhead_seconds_count{{{common}}}": counter(*total),
        f'agent_overhead_seconds_bucket{{{common},le="{promise.within}"}}': counter(*good),
    }


def _labels(promise: Promise, tenant: str, severity: str) -> Mapping[str, str]:
    return {"slo": promise.name, "tier": promise.tier, "tenant": tenant, "agent": "one", "severity": severity}


def _burns(promise: Promise, burn: Burn) -> Case:
    """One tenant fails at twice the rate that the alert is for, then no more; another at half of it."""
    name = "ErrorBudgetBurn" + burn.name.removeprefix("burn-")
    short, share = int(burn.short.total_seconds() // 60), burn.factor * promise.budget
    high, quiet = min(2 * share, 1.0), share / 2
    series = _events(promise, "acme", (REQUESTS / 100, 0, 10), (REQUESTS, high, short), (REQUESTS, 0, 2 * short + 30))
    series |= _events(promise, "globex", (REQUESTS, quiet, 3 * short + 40))
    fires = [_labels(promise, "acme", burn.severity)]
    return Case(
        alert=name,
        series=series,
        firing={9: [], 10 + short: fires, 10 + 2 * short + 15: []},
    )


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("promise", PROMISES, ids=lambda each: str(each.name))
def test_a_burn_fires_for_its_tenant_alone_and_clears(promise: Promise, index: int, tmp_path: Path) -> None:
    run_cases(files([promise]), [_burns(promise, promise.burns[index])], tmp_path)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda each: str(each.name))
def test_a_burst_pages_within_two_minutes(promise: Promise, tmp_path: Path) -> None:
    # A promise of time has ten times the budget: at the same traffic it would take as much longer to be in danger.
    burst = 60 if promise.within is None else 600
    series = _events(promise, "acme", (60, 0, 60), (burst, 1, 10)) | _events(promise, "globex", (60, 0, 70))
    firing = {59: [], 62: [_labels(promise, "acme", "page")]}
    run_cases(files([promise]), [Case(alert="ErrorBudgetBurn14x", series=series, firing=firing)], tmp_path)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda each: str(each.name))
def test_little_traffic_pages_nobody_and_has_an_alert_of_its_own(promise: Promise, tmp_path: Path) -> None:
    """Three requests an hour, of which all fail; then one that fails among many; then nothing for hours."""
    failing = _events(promise, "acme", (1 / 20, 0, 30), (1 / 20, 1, 60), (1, 0, 60))
    once = _events(promise, "globex", (1 / 20, 0, 100), (1, 1, 1), (1 / 20, 0, 79))
    ticket = [_labels(promise, "acme", "ticket")]
    cases = [Case(alert="ErrorBudgetBurn14x", series=failing | once, firing={29: [], 88: [], 140: []})]
    cases.append(Case(alert="FailingAtLowTraffic", series=failing | once, firing={29: [], 89: ticket, 140: []}))
    run_cases(files([promise]), cases, tmp_path)


def test_what_a_caller_does_wrong_is_no_failure(tmp_path: Path) -> None:
    common = 'agent_requests_total{tier="standard",tenant="acme",agent="one"'
    series = {
        f'{common},route="/v1/invoke",status="200"}}': counter((10, 60)),
        f'{common},route="/v1/invoke",status="429"}}': counter((1000, 60)),
        f'{common},route="/v1/invoke",status="422"}}': counter((1000, 60)),
        f'{common},route="other",status="500"}}': counter((1000, 60)),
    }
    run_cases(RULES, [Case(alert="ErrorBudgetBurn14x", series=series, firing={30: [], 59: []})], tmp_path)


def test_the_rules_are_prometheus_own_and_each_alert_says_what_to_do(tmp_path: Path) -> None:
    check(RULES, tmp_path)
    assert len(alerts(RULES)) == 5 * len(PROMISES)
