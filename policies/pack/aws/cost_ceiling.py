"""Nodes alone, with nobody asking anything, cost no more than the environment's budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from components.instances import INSTANCE_TYPES
from policies.rule import Resource, Rule, Severity, texts

# US dollars for one vCPU and hour, on demand, Linux: all sizes of a family cost the same for each of theirs.
# Source: SkyPilot's catalogue of AWS' prices (skypilot-catalog, catalogs/v6/aws/vms.csv, commit 001367d), read on
# 29 November 2026.
PRICES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "eu-west-1": {"c7g": 0.03876, "m7g": 0.04547, "r7g": 0.05992},
        "eu-central-1": {"c7g": 0.04122, "m7g": 0.04888, "r7g": 0.0646},
        "us-east-1": {"c7g": 0.03625, "m7g": 0.0408, "r7g": 0.05355},
    }
)
_HOURS = 730


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    budgets = [each for each in resources if each.type == "aws:budgets/budget:Budget"]
    groups = [each for each in resources if each.type == "aws:eks/nodeGroup:NodeGroup"]
    region = _region(resources)
    if not budgets or not groups or region is None:
        return
    least = sum(_least(group, PRICES[region]) for group in groups)
    for budget in budgets:
        limit = float(str(budget.at("limitAmount")))
        if least > limit:
            yield budget, f"is {limit:,.0f} USD a month, and the fewest nodes alone cost {least:,.0f} USD"


def _region(resources: Sequence[Resource]) -> str | None:
    """Where subnets lie; None where no prices of it are known."""
    for each in resources:
        if each.type == "aws:ec2/subnet:Subnet":
            region = str(each.at("availabilityZone"))[:-1]
            return region if region in PRICES else None
    return None


def _least(group: Resource, prices: Mapping[str, float]) -> float:
    """US dollars a month for the fewest nodes of a group, each the cheapest that it may be.

    One without a price counts as free.
    """
    cheapest = min((_hourly(name, prices) for name in texts(group.at("instanceTypes"))), default=0)
    return float(str(group.at("scalingConfig", "minSize"))) * cheapest * _HOURS


def _hourly(name: str, prices: Mapping[str, float]) -> float:
    known = INSTANCE_TYPES.get(name)
    return known.cpu * prices.get(name.partition(".")[0], 0) if known else 0


RULE = Rule(
    id="aws-cost-ceiling",
    title="The fewest nodes cost no more than the budget",
    severity=Severity.HIGH,
    frameworks=("AWS Well-Architected COST02-BP05",),
    remediation="fewer or smaller nodes in nodeGroups, or a higher budget.dollars",
    types=frozenset(
        {"aws:budgets/budget:Budget", "aws:eks/nodeGroup:NodeGroup", "aws:ec2/subnet:Subnet"},
    ),
    stack=_check,
)
