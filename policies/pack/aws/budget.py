"""Somebody hears of it before an environment costs more than it should."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, items


def _check(resource: Resource) -> Iterator[str]:
    if not items(resource.at("notifications")):
        yield "tells nobody"


RULE = Rule(
    id="aws-budget",
    title="Each environment has a budget that tells somebody",
    severity=Severity.MEDIUM,
    frameworks=("AWS Well-Architected COST02-BP05",),
    remediation="declare a Budget with notifications",
    types=frozenset({"aws:budgets/budget:Budget"}),
    check=_check,
)
