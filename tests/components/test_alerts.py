"""Alerts and dashboards as data: what promtool and Prometheus cannot say of them."""

from __future__ import annotations

import re

import pytest

from components.observability import alerts, cost
from components.observability.dashboards import BOARDS, grafana, questions
from components.observability.prices import Prices
from components.observability.rules import platform
from components.observability.scraping import Config, Scraping
from loadtests import rules, slo
from local.paths import CHECKOUT
from tests.promtool import alerts as alerts_of

RULES = {**platform(), **alerts.files(), **rules.files(slo.load()), **cost.files(None)}


@pytest.mark.parametrize("alert", alerts_of(RULES), ids=lambda each: str(each["alert"]))
def test_every_alert_has_a_severity_and_a_runbook_that_is_there(alert: Config) -> None:
    labels, notes = alert["labels"], alert["annotations"]
    assert isinstance(labels, dict)
    assert isinstance(notes, dict)
    assert labels["severity"] in {"page", "warning", "ticket"}
    runbook = CHECKOUT / str(notes["runbook_url"])
    assert runbook.is_file()
    # Whoever is woken finds the alert's name on the page.
    if runbook.stem not in {"local-node", "istiod-down", "rotate-the-root", "domain-does-not-verify"}:
        name = re.sub(r"\d+x$", "", str(alert["alert"]))
        assert name in runbook.read_text()


def test_an_alert_asks_only_for_jobs_that_are_scraped() -> None:
    asked = {job for alert in alerts_of(RULES) for job in re.findall(r'job="([^"]+)"', str(alert["expr"]))}
    assert asked <= set(Scraping(own_node=True).names())


@pytest.mark.parametrize("board", BOARDS, ids=lambda each: str(each.name))
def test_grafana_is_given_every_panel_with_its_question(board: object) -> None:
    (made,) = [(each, grafana.rendered(each)) for each in BOARDS if each is board]
    given, rendered = made
    panels = rendered["panels"]
    assert isinstance(panels, list)
    found = [
        (str(panel["title"]), [str(target["expr"]) for target in panel["targets"] if isinstance(target, dict)])
        for panel in panels
        if isinstance(panel, dict) and isinstance(panel["targets"], list)
    ]
    assert found == [(panel.title, list(panel.lines.values())) for panel in given.panels]
    assert rendered["uid"] == f"groundwork-{given.name}"


def test_no_variable_is_left_in_a_question() -> None:
    assert [expr for _, _, expr in questions() if "$" in expr] == []


def test_what_has_no_price_has_no_cost() -> None:
    prices = Prices.model_validate({"currency": "EUR", "source": "a test", "cpuCoreHour": 0.5})
    kinds = [
        rule["labels"]["kind"]
        for group in _groups(cost.files(prices)["cost"])
        for rule in group["rules"]
        if rule["record"] == cost.COST
    ]
    assert kinds == ["tokens", "cpu"]


def _groups(file: Config) -> list:  # type: ignore[type-arg] # JSON, looked into
    groups = file["groups"]
    assert isinstance(groups, list)
    return groups


@pytest.mark.parametrize(
    "wrong",
    [
        {"currency": "EUR"},
        {"currency": "euro", "source": "a test"},
        {"currency": "EUR", "source": ""},
        {"currency": "EUR", "source": "a test", "cpuCoreHour": -1},
        {"currency": "EUR", "source": "a test", "cpuHour": 1},
    ],
)
def test_prices_that_say_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Prices.model_validate(wrong)
