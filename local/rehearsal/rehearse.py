"""`groundwork rehearse`: an environment applied whole here, looked at, changed by hand, and taken away again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from groundwork.console import Progress
from groundwork.waiting import wait_until
from local.aws_plugin.account import Account
from local.cluster import Cluster
from local.engine.operation import Operation, StackOutcome
from local.paths import Paths
from local.rehearsal import nodes
from local.rehearsal.account import EmulatedAccount
from local.rehearsal.memory import peak
from local.rehearsal.stage import stage

_PLACED_SECONDS = 120.0


@dataclass
class Report:
    """What a rehearsal saw. `memory`: bytes, the highest; `problems`: what did not hold."""

    environment: str
    seconds: dict[str, float] = field(default_factory=dict)
    resources: int = 0
    memory: int = 0
    pods: int = 0
    nodes: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def as_json(self) -> Mapping[str, object]:
        """For machines."""
        return {**vars(self), "verdict": "fail" if self.problems else "pass"}


def rehearse(environment: str, user: Paths, progress: Progress) -> Report:
    """Apply, look, change by hand, mend, destroy. Raises UserError where one of the steps does not run at all."""
    report = Report(environment)
    with peak() as highest, stage(environment, user, progress) as made:
        go_through(made.operator, made.account, made.cluster, report)
    report.memory = highest[0]
    return report


class Runs(Protocol):
    """What runs an operation of the engine on an environment: `Operator` does."""

    def run(self, operation: Operation, stack: str) -> StackOutcome:
        """Raises UserError with the engine's own words, or the program's."""
        ...


def go_through(operator: Runs, account: EmulatedAccount, cluster: Cluster | None, report: Report) -> None:
    """All steps; what does not hold is added to the report."""
    environment, before = report.environment, account.inventory()

    def timed(operation: Operation) -> StackOutcome:
        started = time.monotonic()
        done = operator.run(operation, environment)
        report.seconds[str(operation)] = round(time.monotonic() - started, 1)
        return done

    if cluster is None:
        report.resources = timed(Operation.UP).changed
    else:
        with nodes.following(account.account(), cluster) as made:
            report.resources = timed(Operation.UP).changed
            _look_at_pods(cluster, report)
            report.nodes = len(made)
    if account.inventory() == before:
        report.problems.append("nothing was made in the account")
    seen = timed(Operation.PREVIEW)
    if seen.changed:
        report.problems.append(f"a preview of what is up shows {_changes(seen)}")
    _drift(operator, environment, account, report)
    unprotect(account.account())
    timed(Operation.DESTROY)
    left = account.inventory() - before
    if left:
        report.problems.append(f"destroy leaves {', '.join(sorted(left))}")


def _look_at_pods(cluster: Cluster, report: Report) -> None:
    if not wait_until(lambda: not nodes.unplaced(cluster), _PLACED_SECONDS):
        report.problems += [f"pod is not placed: {pod}" for pod in nodes.unplaced(cluster)]
    report.problems += [f"all pods on one node: {name}" for name in nodes.crowded(cluster)]
    report.pods = len(cluster.items("pods"))


def _drift(operator: Runs, environment: str, account: EmulatedAccount, report: Report) -> None:
    """Change the retention of a group of logs by hand: the next `up` must find and mend it, and nothing else."""
    calls = account.account()
    groups = calls.call("logs", "DescribeLogGroups", {})["logGroups"]
    group = next((group for group in groups if group.get("retentionInDays")), None)
    if group is None:
        report.problems.append("there is no group of logs to change by hand")
        return
    calls.call("logs", "PutRetentionPolicy", {"logGroupName": group["logGroupName"], "retentionInDays": 1})
    done = operator.run(Operation.UP, environment)
    if done.changed != 1:
        report.problems.append(f"one resource was changed by hand, and up made {_changes(done)}")
    asked = {"logGroupNamePrefix": group["logGroupName"]}
    again = calls.call("logs", "DescribeLogGroups", asked)["logGroups"][0]
    if again.get("retentionInDays") != group["retentionInDays"]:
        report.problems.append(f"what was changed by hand is not mended: {group['logGroupName']}")


def _changes(done: StackOutcome) -> str:
    return "; ".join([f"{done.changed} changes", *done.touched])


def unprotect(account: Account) -> None:
    """Lift what protects from deletion, as an operator does by hand before he takes an environment away."""
    for row in account.call("rds", "DescribeDBInstances", {})["DBInstances"]:
        if row.get("DeletionProtection"):
            named = {"DBInstanceIdentifier": row["DBInstanceIdentifier"], "DeletionProtection": False}
            account.call("rds", "ModifyDBInstance", named)
    off = [{"Key": "deletion_protection.enabled", "Value": "false"}]
    for row in account.call("elbv2", "DescribeLoadBalancers", {})["LoadBalancers"]:
        named = {"LoadBalancerArn": row["LoadBalancerArn"], "Attributes": off}
        account.call("elbv2", "ModifyLoadBalancerAttributes", named)
