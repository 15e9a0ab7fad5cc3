"""`groundwork rehearse`: an environment applied whole here, looked at, changed by hand, and taken away again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial

from components.labels import ZONE
from groundwork.console import Progress
from groundwork.waiting import wait_until
from local.aws_plugin.account import Account
from local.cluster import Cluster
from local.engine.operation import Operation, Operator, Runs, StackOutcome
from local.paths import CHECKOUT, Paths
from local.rehearsal import disks, gatekeeper, nodes, refusals, services
from local.rehearsal.account import EmulatedAccount, variables
from local.rehearsal.memory import peak
from local.rehearsal.stage import Stage, stage
from local.up import bring_layers, take_layers

_PLACED_SECONDS = 120.0
# The engine writes the state of a stack once, at the end, and not at every step: nobody goes on with a rehearsal that
# was killed, as its account and cluster are gone with it (docs/decisions/0001-checkpoints-stay-on.md).
_UNSAVED = {"PULUMI_SKIP_CHECKPOINTS": "true"}


@dataclass
class Report:
    """What a rehearsal saw. `resources`: of each stack; `agents`: as tenant/agent; `memory`: bytes, the highest.

    `problems`: what did not hold.
    """

    environment: str
    tenants: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    resources: dict[str, int] = field(default_factory=dict)
    agents: list[str] = field(default_factory=list)
    memory: int = 0
    pods: int = 0
    nodes: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def counted(self) -> str:
        """Such as "237 resources (ecs 220, ecs.acme 17)"."""
        each = ", ".join(f"{stack} {count}" for stack, count in self.resources.items())
        return f"{sum(self.resources.values())} resources ({each})"

    @property
    def as_json(self) -> Mapping[str, object]:
        """For machines."""
        return {**vars(self), "verdict": "fail" if self.problems else "pass"}


def rehearse(environment: str, user: Paths, progress: Progress) -> Report:
    """Apply, look, change by hand, mend, destroy. Raises UserError where one of the steps does not run at all."""
    with peak() as highest, variables(_UNSAVED), stage(environment, user, progress) as made:
        report = Report(environment, made.place.tenants, made.place.layers)
        stacks = [environment, *(f"{environment}.{part}" for part in (*report.layers, *report.tenants))]
        policies = partial(breaches, made.operator, stacks, user)
        with gatekeeper.following(made.gatekeeper) if made.gatekeeper else nullcontext():
            go_through(
                made.operator,
                made.account,
                made.cluster,
                report,
                policies,
                prepare=partial(prepare, made, progress),
                asked=partial(_ask_admission, made, report),
            )
    report.memory = highest[0]
    return report


@dataclass(frozen=True)
class _Play:
    """All stacks of an environment, run in order, and timed. `prepare`: by hand, before the layers' stacks; `clear`: by
    hand, when they are gone.
    """

    operator: Runs
    report: Report
    prepare: Callable[[], None]
    clear: Callable[[], None]

    def up(self) -> list[StackOutcome]:
        """The environment, then what stands on it."""
        with self._timed(Operation.UP):
            own = self._run(Operation.UP, [self.report.environment])
            self.prepare()
            layers = bring_layers(self.operator, self._layers)
            return [*own, *layers, *self._run(Operation.UP, self._tenants)]

    def preview(self) -> list[StackOutcome]:
        """What an `up` would change."""
        with self._timed(Operation.PREVIEW):
            return self._run(Operation.PREVIEW, [self.report.environment, *self._layers, *self._tenants])

    def destroy(self) -> None:
        """Tenants first: they stand on what the environment and its layers have."""
        with self._timed(Operation.DESTROY):
            self._run(Operation.DESTROY, self._tenants)
            take_layers(self.operator, self._layers)
            self.clear()
            self._run(Operation.DESTROY, [self.report.environment])

    @property
    def _layers(self) -> list[str]:
        return [f"{self.report.environment}.{layer}" for layer in self.report.layers]

    @property
    def _tenants(self) -> list[str]:
        return [f"{self.report.environment}.{tenant}" for tenant in self.report.tenants]

    def _run(self, operation: Operation, stacks: list[str]) -> list[StackOutcome]:
        return self.operator.run_all(operation, stacks)

    @contextmanager
    def _timed(self, operation: Operation) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.report.seconds[str(operation)] = round(time.monotonic() - started, 1)


def prepare(made: Stage, progress: Progress) -> None:
    """What an operator does between the environment's stack and those of its layers (docs/aws.md)."""
    from local.layers import Layers
    from local.record import Record, Way
    from stacks.settings import from_file, settings_file

    if made.cluster is None or not made.place.layers:
        return
    environment = made.place.environment
    settings = from_file(settings_file(environment, CHECKOUT))
    record = Record(way=Way.KUBECONFIG, stack=environment, kubeconfig=made.cluster.kubeconfig)
    Layers(settings, record, made.cluster, made.paths, progress).prepare(made.place.layers)


def _ask_admission(made: Stage, report: Report) -> Iterator[str]:
    """What the process in Gatekeeper's place does wrong, where the environment has it."""
    if made.cluster is not None and made.gatekeeper is not None:
        yield from made.gatekeeper.wrong()
        yield from refusals.wrong(made.cluster, report.agents, made.gatekeeper.silent())


def breaches(operator: Operator, stacks: Sequence[str], user: Paths) -> list[str]:
    """What stops by the whole gate of policies, asked of the state of stacks that are up, the environment's first."""
    from policies.analysis import from_state
    from policies.exceptions import Exceptions
    from policies.gate import Tools, judge

    graphs = {stack: from_state(operator.engine.exported(stack)) for stack in stacks}
    with operator.progress.step(f"policies of {', '.join(stacks)}"):
        tools = Tools.of(user.cache, operator.progress)
        result = judge(stacks[0], graphs, tools=tools, exceptions=Exceptions.read())
    return result.refusals


def go_through(  # noqa: PLR0913 – what a rehearsal plays on, and what is done beside the engine
    operator: Runs,
    account: EmulatedAccount,
    cluster: Cluster | None,
    report: Report,
    policies: Callable[[], list[str]],
    *,
    prepare: Callable[[], None] = lambda: None,
    asked: Callable[[], Iterable[str]] = tuple,
) -> None:
    """All steps; what does not hold is added to the report. `policies`: what they refuse of what is up. `prepare`: what
    is done by hand before the layers. `asked`: what admission does wrong.
    """
    before = account.inventory()
    clear = partial(disks.take_away, cluster) if cluster else lambda: None
    play = _Play(operator, report, prepare, clear)
    with disks.following(account.account(), cluster) if cluster else nullcontext():
        if cluster is None:
            _count(play.up(), report)
            report.problems += services.missing(account.account(), report.agents)
        else:
            with nodes.following(account.account(), cluster) as made:
                _count(play.up(), report)
                _look_at_pods(cluster, report)
                report.nodes = len(made)
        if account.inventory() == before:
            report.problems.append("nothing was made in the account")
        report.problems += asked()
        _judge(policies, report)
        for seen in play.preview():
            if seen.changed:
                report.problems.append(f"a preview of {seen.stack}, which is up, shows {_changes(seen)}")
        _drift(operator, report.environment, account, report)
        unprotect(account.account())
        play.destroy()
    left = account.inventory() - before
    if left:
        report.problems.append(f"destroy leaves {', '.join(sorted(left))}")


def _judge(policies: Callable[[], list[str]], report: Report) -> None:
    started = time.monotonic()
    report.problems += policies()
    report.seconds["policies"] = round(time.monotonic() - started, 1)


def _count(done: list[StackOutcome], report: Report) -> None:
    for outcome in done:
        report.resources[outcome.stack] = outcome.changed
        rows = outcome.outputs.get("agents")
        # A tenant that is suspended has agents, but none of them runs.
        report.agents += (
            [str(name) for name, row in rows.items() if row["state"] == "up"] if isinstance(rows, Mapping) else []
        )


def _look_at_pods(cluster: Cluster, report: Report) -> None:
    if not wait_until(lambda: not nodes.unfilled(cluster) and not nodes.unplaced(cluster), _PLACED_SECONDS):
        report.problems += [f"pods are missing: {name}" for name in nodes.unfilled(cluster)]
        report.problems += [f"pod is not placed: {pod}" for pod in nodes.unplaced(cluster)]
    report.problems += [f"all pods on one node: {name}" for name in nodes.crowded(cluster)]
    report.problems += [f"all pods in one zone: {name}" for name in nodes.crowded(cluster, ZONE)]
    report.problems += [f"claim has no disk: {claim}" for claim in disks.unbound(cluster)]
    report.problems += [f"agent has no pod: {agent}" for agent in nodes.without_pods(cluster, report.agents)]
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
