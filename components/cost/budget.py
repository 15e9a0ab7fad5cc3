"""A budget with alarms, before it is spent and when it will be.  (docs/aws.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import budgets

from components.aws import Scope, child

COMPONENT = "cost"
# What share of the month's budget is told: spent, or where the month is heading.
ACTUAL, FORECAST = (50, 80, 100), (100,)


@dataclass(frozen=True, kw_only=True)
class MonthlyBudgetArgs:
    """`dollars`: for a month, what has the environment's tag. `topic`: who is told."""

    scope: Scope
    dollars: int
    topic: pulumi.Input[str]


class MonthlyBudget(pulumi.ComponentResource):
    """Counts what is tagged as this environment's."""

    def __init__(self, name: str, args: MonthlyBudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:cost:MonthlyBudget", name, None, opts)
        told = [("ACTUAL", share) for share in ACTUAL] + [("FORECASTED", share) for share in FORECAST]
        budgets.Budget(
            name,
            name=args.scope.name("monthly"),
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{args.dollars}.0",
            limit_unit="USD",
            cost_filters=[
                budgets.BudgetCostFilterArgs(
                    name="TagKeyValue", values=[f"user:groundwork:environment${args.scope.environment}"]
                )
            ],
            notifications=[
                budgets.BudgetNotificationArgs(
                    comparison_operator="GREATER_THAN",
                    notification_type=kind,
                    threshold=share,
                    threshold_type="PERCENTAGE",
                    subscriber_sns_topic_arns=[args.topic],
                )
                for kind, share in told
            ],
            tags=args.scope.tags(COMPONENT),
            opts=child(self),
        )
        self.register_outputs({})
