"""`groundwork up` and `down`: everything between one command and an agent's answer."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from local import record
from local.cluster import Cluster
from local.engine.operation import Operation, Operator, Runs, StackOutcome
from local.engine.workspace import OUR_PLUGIN, Engine
from local.layers import ADMISSION, SECRETS, Layers
from local.paths import CHECKOUT, Paths
from local.record import Record, Way

if TYPE_CHECKING:
    from local.node import NodeSettings
    from stacks.settings import Settings

LOCAL = "local"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What was done to an environment and its tenants, each a stack; `stacks`: the environment's first.

    `seconds`: all operations of the engine together, some of which ran side by side.
    """

    record: Record
    stacks: tuple[StackOutcome, ...]
    seconds: float

    @property
    def changed(self) -> int:
        """How many resources, over all stacks."""
        return sum(stack.changed for stack in self.stacks)

    @property
    def outputs(self) -> Mapping[str, object]:
        """All stacks' outputs; `agents` has those of every tenant."""
        found: dict[str, object] = {}
        agents: dict[str, object] = {}
        for stack in self.stacks:
            rows = stack.outputs.get("agents")
            agents |= rows if isinstance(rows, Mapping) else {}
            found |= stack.outputs
        return found | {"agents": agents}

    @property
    def summary(self) -> str:
        """A line a stack."""
        return "\n".join(f"{stack.stack}: {stack.summary}" for stack in self.stacks)


def choose_way(paths: Paths, *, kubeconfig: Path | None, simulated: bool) -> tuple[Way, str]:
    """The way asked for, otherwise the one this machine was brought up in, otherwise the best one it can go; and why.

    Raises UserError where the machine cannot go it.
    """
    from local.doctor import capability

    if kubeconfig is not None:
        return Way.KUBECONFIG, Way.KUBECONFIG.meaning
    earlier = record.read(paths)
    if not simulated and earlier is not None and earlier.way is not Way.KUBECONFIG:
        return earlier.way, earlier.way.meaning
    seen = capability(paths)
    way = Way.SIMULATED if simulated else seen.way
    seen.require(way)
    why = None if simulated else seen.why()
    return way, way.meaning if why is None else f"{way.meaning} (a real node cannot run: {why})"


def up(stack: str, paths: Paths, progress: Progress, *, kubeconfig: Path | None, simulated: bool) -> Outcome:
    """Bring the environment `stack` up, then its layers, then its tenants; run again, it changes only what differs.

    A layer's or a tenant's stack (`<env>.<layer>`, `<env>.<tenant>`) is brought up alone, in an environment that is up.
    """
    from stacks.preflight import check, check_part

    environment, _, part = stack.partition(".")
    if part:
        check_part(environment, part)
        return on_parts(Operation.UP, environment, [part], paths, progress)
    settings = check(environment)
    if settings.aws is not None:
        raise UserError(
            what=f"{environment!r} is in AWS: no node on this machine can be it",
            fix=f"look at it: groundwork preview {environment}; make it: pulumi up --stack {environment} (docs/aws.md)",
        )
    made = _bring_up_cluster(stack, paths, progress, kubeconfig=kubeconfig, simulated=simulated)
    _bring_images(made, settings, paths, progress)
    if made.way is not Way.SIMULATED:
        from local.authority.install import install

        install(cluster_of(made, paths), paths, progress)
    operator = operator_of(made, paths, progress)
    started = time.monotonic()
    told = operator.run_all(Operation.UP, told_first(operator, environment, settings.layers))
    own = operator.run(Operation.UP, environment)
    beside = Layers(settings, made, operator.cluster, paths, progress)
    beside.prepare(settings.layers)
    done = [each.stack for each in told]
    names = [f"{environment}.{layer}" for layer in settings.layers]
    layers = bring_layers(operator, [name for name in names if name not in done])
    names = tenants_of(operator, environment, settings.tenants)
    beside.settle(settings.layers, [name.partition(".")[2] for name in names])
    tenants = operator.run_all(Operation.UP, names)
    beside.allow()
    return Outcome(record=made, stacks=(own, *told, *layers, *tenants), seconds=time.monotonic() - started)


def told_first(operator: Operator, environment: str, layers: Collection[str]) -> list[str]:
    """Admission's stack, where it is up: it says which images may run, and must hear of new ones before they do."""
    name = f"{environment}.{ADMISSION}"
    return [name] if ADMISSION in layers and name in operator.engine.stacks_on(environment) else []


def bring_layers(operator: Runs, stacks: Sequence[str]) -> list[StackOutcome]:
    """Bring up layers' stacks. Admission alone, before the others: until it answers, nothing of theirs gets in."""
    asked, others = _admission_and_others(stacks)
    return [*operator.run_all(Operation.UP, asked), *operator.run_all(Operation.UP, others)]


def take_layers(operator: Runs, stacks: Sequence[str]) -> None:
    """Take layers' stacks away. Admission last: while it goes, what others still have to change may be refused."""
    asked, others = _admission_and_others(stacks)
    operator.run_all(Operation.DESTROY, others)
    operator.run_all(Operation.DESTROY, asked)


def _admission_and_others(stacks: Sequence[str]) -> tuple[list[str], list[str]]:
    asked = [stack for stack in stacks if stack.partition(".")[2] == ADMISSION]
    return asked, [stack for stack in stacks if stack not in asked]


def preview(stack: str, paths: Paths, progress: Progress) -> Outcome:
    """What `up` would change. Nothing is installed or started."""
    from stacks.preflight import check, check_part

    environment, _, part = stack.partition(".")
    if part:
        check_part(environment, part)
        return on_parts(Operation.PREVIEW, environment, [part], paths, progress)
    settings = check(environment)
    made = require_up(environment, paths)
    operator = operator_of(made, paths, progress)
    started = time.monotonic()
    layers = [f"{environment}.{layer}" for layer in settings.layers]
    names = [environment, *layers, *tenants_of(operator, environment, settings.tenants)]
    stacks = tuple(operator.run_all(Operation.PREVIEW, names))
    return Outcome(record=made, stacks=stacks, seconds=time.monotonic() - started)


def down(paths: Paths, progress: Progress) -> Record | None:
    """Undo what `up` made; None where there was nothing. Converges when it was interrupted itself."""
    from local import node
    from stacks.layers import is_layer

    earlier = record.read(paths)
    if earlier is not None and earlier.way is Way.KUBECONFIG:
        operator = operator_of(earlier, paths, progress)
        parts = operator.engine.stacks_on(earlier.stack)
        layers = [stack for stack in parts if is_layer(stack.partition(".")[2])]
        operator.run_all(Operation.DESTROY, [stack for stack in parts if stack not in layers])
        take_layers(operator, layers)
        operator.run(Operation.DESTROY, earlier.stack)
        _remove_root(operator.cluster)
        for stack in (*parts, earlier.stack):
            operator.forget(stack)
    else:
        from local.secrets.install import remove

        node.down(_node_settings(earlier.way if earlier else Way.REAL, paths), progress)
        if earlier is not None:  # what nobody wrote down may be the shares of a cluster that stays: decision 20
            remove(paths)
        _forget_stacks(paths, earlier.stack if earlier else LOCAL, progress)
    record.forget(paths)
    return earlier


def down_layer(stack: str, paths: Paths, progress: Progress) -> None:
    """Undo the `up` of one layer, whether or not the environment's settings choose it still. Raises UserError.

    What it wrote to volumes of this machine's node stays, and the shares with it: the next `up` goes on with both.
    """
    operator = operator_of(require_layer_up(stack, paths), paths, progress)
    operator.run(Operation.DESTROY, stack)
    operator.forget(stack)
    if stack.partition(".")[2] == SECRETS:
        from local.secrets.issuing import withdraw

        withdraw(operator.cluster)


def require_layer_up(stack: str, paths: Paths) -> Record:
    """The record of the environment whose layer this is; UserError where it is none, or the environment is not up."""
    from stacks.layers import RESERVED, is_layer

    environment, _, layer = stack.partition(".")
    if not is_layer(layer):
        raise UserError(
            what=f"{stack!r} is no layer of an environment",
            allowed=", ".join(f"{environment}.{name}" for name in RESERVED),
            fix="a tenant goes by: groundwork tenant delete NAME; all of this machine by: groundwork down",
        )
    return require_up(environment, paths)


def _remove_root(cluster: Cluster) -> None:
    """What stands in the cluster and in no stack's state: the mesh's intermediate, with its namespace."""
    from local.authority.mesh import MeshTrust

    MeshTrust(cluster=cluster).remove()


def on_parts(operation: Operation, environment: str, parts: list[str], paths: Paths, progress: Progress) -> Outcome:
    """Run an operation on the stacks of layers or tenants alone. Raises UserError where the environment is not up."""
    from stacks.layers import is_layer
    from stacks.settings import from_file, settings_file

    made = require_up(environment, paths)
    operator = operator_of(made, paths, progress)
    started = time.monotonic()
    layers = [part for part in parts if is_layer(part)]
    beside = Layers(from_file(settings_file(environment, CHECKOUT)), made, operator.cluster, paths, progress)
    if operation is Operation.UP:
        beside.prepare(layers)
        beside.bring([part for part in parts if part not in layers])
    stacks = operator.run_all(operation, [f"{environment}.{part}" for part in parts])
    if operation is Operation.UP:
        known = tenants_of(operator, environment, ())
        beside.settle(layers, [name.partition(".")[2] for name in known])
        beside.allow()
    return Outcome(record=made, stacks=tuple(stacks), seconds=time.monotonic() - started)


def require_up(environment: str, paths: Paths) -> Record:
    """The record of an environment that is up; UserError where it is not."""
    made = record.read(paths)
    if made is None or made.stack != environment:
        there = "nothing is up" if made is None else f"{made.stack!r} is up"
        raise UserError(
            what=f"environment {environment!r} is not up: {there}",
            fix=f"run: groundwork up {environment}",
            code=ExitCode.ERROR,
        )
    return made


def cluster_of(made: Record, paths: Paths) -> Cluster:
    """Questions to the cluster of an environment that is up."""
    return Cluster(kubectl=paths.toolchain / "bin" / "kubectl", kubeconfig=made.kubeconfig)


def operator_of(made: Record, paths: Paths, progress: Progress) -> Operator:
    """What runs the engine on the environment that is up."""
    from local import toolchain

    # The program reads it; one environment is up at a time, so that all stacks of a run mean the same cluster.
    os.environ["GROUNDWORK_KUBECONFIG"] = str(made.kubeconfig)
    tools = toolchain.ensure((*toolchain.ENGINE, *toolchain.CHARTS, "kubectl"), progress=progress)
    vendor = toolchain.vendor_kubernetes_plugin()
    engine = Engine(
        pulumi=tools.path("pulumi"),
        paths=paths,
        plugin=None if vendor is not None else OUR_PLUGIN,
        tools=tools.bin_dir,
    )
    cluster = Cluster(kubectl=tools.path("kubectl"), kubeconfig=made.kubeconfig)
    return Operator(engine=engine, cluster=cluster, progress=progress)


def tenants_of(operator: Operator, environment: str, listed: tuple[str, ...]) -> list[str]:
    """The tenants' stacks: those that the settings list, and those that were added since and have a folder still."""
    from stacks.tenant_settings import known_tenants

    folders = {f"{environment}.{name}" for name in known_tenants(CHECKOUT)}
    there = [stack for stack in operator.engine.stacks_on(environment) if stack in folders]
    return list(dict.fromkeys([*(f"{environment}.{name}" for name in listed), *there]))


def _bring_up_cluster(
    stack: str, paths: Paths, progress: Progress, *, kubeconfig: Path | None, simulated: bool
) -> Record:
    """Bring the machine to the state in which the engine can run."""
    way, why = choose_way(paths, kubeconfig=kubeconfig, simulated=simulated)
    if kubeconfig is not None and not kubeconfig.is_file():
        raise UserError(what="no such kubeconfig", where=str(kubeconfig), fix="name a file that exists")
    made = Record(way=way, stack=stack, kubeconfig=(kubeconfig or paths.kubeconfig).resolve())
    _refuse_another_way(record.read(paths), made)
    progress.say(f"{stack}: {why}")
    if way is Way.KUBECONFIG:
        record.write(paths, made)
    else:
        _bring_up_node(made, paths, progress)
    return made


def _refuse_another_way(earlier: Record | None, wanted: Record) -> None:
    if earlier is not None and (earlier.way, earlier.kubeconfig) != (wanted.way, wanted.kubeconfig):
        raise UserError(
            what=f"{earlier.stack!r} is up in another way: {earlier.way.meaning} ({earlier.kubeconfig})",
            fix="run: groundwork down",
        )


def _bring_images(made: Record, settings: Settings, paths: Paths, progress: Progress) -> None:
    """Have the images in the node that the environment runs; a cluster of yours has a registry."""
    from local import images, toolchain
    from stacks.layers import images_of

    if made.way is Way.REAL:
        wanted = images_of(settings.layers, images.ALL, settings.secrets.server)
        images.build(wanted, toolchain.ensure(["ctr"], progress=progress), progress)
    elif made.way is Way.SIMULATED:
        images.name_without_building(images.ALL, paths)


def _bring_up_node(made: Record, paths: Paths, progress: Progress) -> None:
    from local import node, toolchain
    from local.toolchain import debian

    real = made.way is Way.REAL
    settings = _node_settings(made.way, paths)
    if real:
        debian.ensure(progress)
    node.check(settings)
    programs = (*toolchain.LOCAL_NODE, *toolchain.IMAGES) if real else toolchain.SIMULATED
    # Everything in one call, the engine too: one check of the disk, one count of what is left.
    tools = toolchain.ensure((*programs, *toolchain.ENGINE, *toolchain.CHARTS), progress=progress)
    record.write(paths, made)  # from here on there is something that `down` must undo
    node.up(settings, tools, progress)


def _node_settings(way: Way, paths: Paths) -> NodeSettings:
    from local.node import NodeSettings

    if way is Way.REAL:
        return NodeSettings.real(paths)
    return NodeSettings.simulated_for_user(paths)


def _forget_stacks(paths: Paths, environment: str, progress: Progress) -> None:
    """The cluster is gone, and every resource with it: so is what the states say of them.

    Where there is no engine, or it fails, the refresh of the next `up` finds that the resources are gone.
    """
    pulumi = paths.toolchain / "bin" / "pulumi"
    if not pulumi.exists() or not paths.passphrase.exists():
        return
    from pulumi.automation import CommandError

    engine = Engine(pulumi=pulumi, paths=paths, plugin=None)
    cluster = Cluster(kubectl=pulumi.with_name("kubectl"), kubeconfig=paths.kubeconfig)
    operator = Operator(engine=engine, cluster=cluster, progress=progress)
    try:
        for stack in (*engine.stacks_on(environment), environment):
            operator.forget(stack)
    except CommandError as error:
        progress.say(f"the state of {environment!r} stays, and is mended by the next `up`: {error}")
