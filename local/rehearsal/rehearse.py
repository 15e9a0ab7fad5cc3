"""`groundwork rehearse`: an environment applied whole here, looked at, changed by hand, and taken away again."""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import yaml

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.aws_plugin.account import Account
from local.aws_plugin.journal import VARIABLE, Journal
from local.aws_plugin.recovery import Finder
from local.cluster import Cluster
from local.engine.operation import Operation, Operator, StackOutcome
from local.engine.recovery import Find, PendingCreate
from local.engine.workspace import OUR_AWS_PLUGIN, OUR_PLUGIN, Engine
from local.paths import CHECKOUT, Paths
from local.rehearsal import nodes
from local.rehearsal.account import EmulatedAccount, emulated, variables
from local.rehearsal.memory import peak

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


@dataclass(frozen=True)
class Place:
    """Where the environment lives: `number` and `region` of its account; `eks`: whether it has a Kubernetes cluster.

    `others`: regions beside its own that it makes something in.
    """

    number: str
    region: str
    eks: bool
    others: tuple[str, ...] = ()

    @classmethod
    def of(cls, environment: str, checkout: Path = CHECKOUT) -> Place:
        """From the environment's settings. Raises UserError where they name no account."""
        from stacks.aws_environment import GLOBAL_REGION
        from stacks.settings import settings_file

        file = settings_file(environment, checkout)
        aws = (yaml.safe_load(file.read_text("utf-8")) or {}).get("config", {}).get("groundwork:aws")
        if not isinstance(aws, Mapping):
            raise UserError(
                what=f"{environment!r} is not in AWS", where=file.name, allowed="an environment with groundwork:aws",
                fix="local runs for real: groundwork up local",
            )  # fmt: skip
        kind = (aws.get("cluster") or {}).get("kind")
        copies = (aws.get("backup") or {}).get("copyRegion")
        others = {GLOBAL_REGION, *([copies] if copies else []), *(aws.get("registry") or {}).get("replicas", [])}
        return cls(str(aws["account"]), str(aws["region"]), kind == "eks", tuple(sorted(others - {aws["region"]})))


def rehearse(environment: str, user: Paths, progress: Progress) -> Report:
    """Apply, look, change by hand, mend, destroy. Raises UserError where one of the steps does not run at all."""
    place, report = Place.of(environment), Report(environment)
    # Below /tmp and short: a unix socket's path has a limit.
    folder = Path(tempfile.mkdtemp(prefix="gw"))
    paths = Paths(cache=user.cache, data=folder)
    try:
        log = folder / "account.log"
        with peak() as highest, emulated(place.number, place.region, log, place.others) as account:
            given = {
                **account.variables,
                VARIABLE: str(folder / "journal"),
                "GROUNDWORK_HOME": str(folder),
                "GROUNDWORK_IMAGES": "simulated",
                "GROUNDWORK_PYTHON": sys.executable,
            }
            with variables(given), _cluster(place, paths, progress) as cluster:
                operator = _operator(paths, progress, cluster)
                go_through(operator, account, cluster, report, lambda: breaches(operator, environment, user))
            report.memory = highest[0]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


@contextmanager
def _cluster(place: Place, paths: Paths, progress: Progress) -> Iterator[Cluster | None]:
    """A scratch control plane whose only nodes are those that the account's node groups ask for."""
    if not place.eks:
        yield None
        return
    from local import node, record, toolchain
    from local.record import Record, Way

    tools = toolchain.ensure((*toolchain.SIMULATED, *toolchain.ENGINE, *toolchain.CHARTS), progress=progress)
    settings = node.NodeSettings.simulated(paths.data / "node", free_ports(6), paths.kubeconfig)
    try:
        node.up(settings, tools, progress)
        record.write(paths, Record(way=Way.SIMULATED, stack="rehearsal", kubeconfig=settings.kubeconfig.resolve()))
        cluster = Cluster(kubectl=tools.path("kubectl"), kubeconfig=settings.kubeconfig)
        nodes.drop_own(cluster, str(tools.path("kubectl")), settings.name)
        with variables({"GROUNDWORK_KUBECONFIG": str(settings.kubeconfig.resolve())}):
            yield cluster
    finally:
        node.down(settings, progress)


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that nothing listens on. Raises UserError."""
    for base in range(29000, 32000, count):
        if all(_free(base + offset) for offset in range(count)):
            return base
    raise UserError(what=f"no {count} free ports in a row from 29000 to 32000", code=ExitCode.ERROR)


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


class Runs(Protocol):
    """What runs an operation of the engine on an environment: `Operator` does."""

    def run(self, operation: Operation, stack: str) -> StackOutcome:
        """Raises UserError with the engine's own words, or the program's."""
        ...


def breaches(operator: Operator, environment: str, user: Paths) -> list[str]:
    """What stops by the whole gate of policies, asked about the state of an environment that is up."""
    from policies.analysis import from_state
    from policies.exceptions import Exceptions
    from policies.gate import Tools, judge

    graphs = {environment: from_state(operator.engine.exported(environment))}
    with operator.progress.step(f"policies of {environment}"):
        tools = Tools.of(user.cache, operator.progress)
        result = judge(environment, graphs, tools=tools, exceptions=Exceptions.read())
    return result.refusals


def go_through(
    operator: Runs,
    account: EmulatedAccount,
    cluster: Cluster | None,
    report: Report,
    policies: Callable[[], list[str]],
) -> None:
    """All steps; what does not hold is added to the report. `policies`: what they refuse of what is up."""
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
    started = time.monotonic()
    report.problems += policies()
    report.seconds["policies"] = round(time.monotonic() - started, 1)
    seen = timed(Operation.PREVIEW)
    if seen.changed:
        report.problems.append(f"a preview of what is up shows {_changes(seen)}")
    _drift(operator, environment, account, report)
    unprotect(account.account())
    timed(Operation.DESTROY)
    left = account.inventory() - before
    if left:
        report.problems.append(f"destroy leaves {', '.join(sorted(left))}")


def _operator(paths: Paths, progress: Progress, cluster: Cluster | None) -> Operator:
    from local import toolchain

    tools = toolchain.ensure((*toolchain.ENGINE, *toolchain.CHARTS, "kubectl"), progress=progress)
    engine = Engine(
        pulumi=tools.path("pulumi"),
        paths=paths,
        plugin=OUR_PLUGIN if toolchain.vendor_plugin("kubernetes") is None else None,
        tools=tools.bin_dir,
        more=(OUR_AWS_PLUGIN,) if toolchain.vendor_plugin("aws") is None else (),
    )
    found = finder(Finder(Journal(paths.data / "journal")))
    of = cluster or Cluster(kubectl=tools.path("kubectl"), kubeconfig=paths.kubeconfig)
    return Operator(engine=engine, cluster=of, progress=progress, find=found)


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


def finder(found: Finder) -> Find:
    """What tells of a resource in the account that a killed run had made."""

    def find(create: PendingCreate, deployment: Mapping[str, object]) -> str | None:
        if not str(create.resource["type"]).startswith("aws:"):
            return None
        rows = deployment.get("resources")
        resources = rows if isinstance(rows, list) else []
        owner = str(create.resource.get("provider", "")).rpartition("::")[0]
        provider: Mapping[str, Mapping[str, object]] = next((row for row in resources if row["urn"] == owner), {})
        return found.find(create.urn, create.inputs, provider.get("inputs") or {})

    return find
