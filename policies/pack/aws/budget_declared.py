"""An environment has a ceiling of cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    if not any(each.type == "aws:budgets/budget:Budget" for each in resources):
        yield from (
            (each, "stands in an environment without a Budget") for each in resources if each.type.endswith(":Vpc")
        )


RULE = Rule(
    id="aws-budget-declared",
    title="Environments declare a budget",
    severity=Severity.MEDIUM,
    frameworks=("AWS Well-Architected COST02-BP05",),
    remediation="declare a Budget beside the Vpc",
    types=frozenset({"aws:ec2/vpc:Vpc"}),
    stack=_check,
)
