"""`groundwork up` and `down`: everything between one command and an agent's answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from local import record
from local.cluster import Cluster
from local.engine.recovery import PendingCreate, mend_files, settle
from local.engine.report import Report
from local.engine.workspace import OUR_PLUGIN, Engine
from local.paths import Paths
from local.record import Record, Way

if TYPE_CHECKING:
    from pulumi.automation import Stack

    from local.node import NodeSettings

LOCAL = "local"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the engine did. `outputs`: the stack's, secrets left out; `changed`: how many resources."""

    record: Record
    outputs: Mapping[str, object]
    changed: int
    summary: str


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
    """Bring the environment `stack` up; run again, it changes only what differs."""
    found = _prepare(stack, paths, progress, kubeconfig=kubeconfig, simulated=simulated)
    return _operate("up", found, progress)


def preview(stack: str, paths: Paths, progress: Progress) -> Outcome:
    """What `up` would change. Nothing is installed or started."""
    earlier = record.read(paths)
    if earlier is None:
        raise UserError(what="nothing is up to preview against", fix=f"run: groundwork up {stack}", code=ExitCode.ERROR)
    return _operate("preview", _ready(earlier, paths, progress), progress)


def down(paths: Paths, progress: Progress) -> Record | None:
    """Undo what `up` made; None where there was nothing. Converges when it was interrupted itself."""
    from local import node

    earlier = record.read(paths)
    if earlier is not None and earlier.way is Way.KUBECONFIG:
        _operate("destroy", _ready(earlier, paths, progress), progress)
    else:
        node.down(_node_settings(earlier.way if earlier else Way.REAL, paths), progress)
        _forget_stack(paths, earlier.stack if earlier else LOCAL, progress)
    record.forget(paths)
    return earlier


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    record: Record
    engine: Engine
    cluster: Cluster


def _prepare(stack: str, paths: Paths, progress: Progress, *, kubeconfig: Path | None, simulated: bool) -> _Prepared:
    """Check the input, then bring the machine to the state in which the engine can run."""
    from stacks.preflight import check

    check(stack)
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
    return _ready(made, paths, progress)


def _refuse_another_way(earlier: Record | None, wanted: Record) -> None:
    if earlier is not None and (earlier.way, earlier.kubeconfig) != (wanted.way, wanted.kubeconfig):
        raise UserError(
            what=f"{earlier.stack!r} is up in another way: {earlier.way.meaning} ({earlier.kubeconfig})",
            fix="run: groundwork down",
        )


def _bring_up_node(made: Record, paths: Paths, progress: Progress) -> None:
    from local import images, node, toolchain
    from local.toolchain import debian

    real = made.way is Way.REAL
    settings = _node_settings(made.way, paths)
    if real:
        debian.ensure(progress)
    node.check(settings)
    programs = toolchain.LOCAL_NODE if real else toolchain.SIMULATED
    # Everything in one call, the engine too: one check of the disk, one count of what is left.
    tools = toolchain.ensure((*programs, *toolchain.ENGINE), progress=progress)
    record.write(paths, made)  # from here on there is something that `down` must undo
    node.up(settings, tools, progress)
    if real:
        images.build(images.ALL, tools, progress)
    else:
        images.name_without_building(images.ALL, paths)


def _node_settings(way: Way, paths: Paths) -> NodeSettings:
    from local.node import NodeSettings

    if way is Way.REAL:
        return NodeSettings.real(paths)
    return NodeSettings.simulated(paths.data / "node", kubeconfig=paths.kubeconfig)


def _ready(made: Record, paths: Paths, progress: Progress) -> _Prepared:
    from local import toolchain

    tools = toolchain.ensure((*toolchain.ENGINE, "kubectl"), progress=progress)
    vendor = toolchain.vendor_kubernetes_plugin()
    engine = Engine(
        pulumi=tools.path("pulumi"),
        paths=paths,
        plugin=None if vendor is not None else OUR_PLUGIN,
        tools=tools.bin_dir,
    )
    return _Prepared(
        record=made, engine=engine, cluster=Cluster(kubectl=tools.path("kubectl"), kubeconfig=made.kubeconfig)
    )


def _operate(operation: str, found: _Prepared, progress: Progress) -> Outcome:
    """Run the engine's `operation` (up, preview or destroy) on the stack and follow it."""
    from pulumi import RunError
    from pulumi.automation import CommandError

    import stacks

    os.environ["GROUNDWORK_KUBECONFIG"] = str(found.record.kubeconfig)
    refused: list[UserError] = []

    def program() -> None:
        try:
            stacks.program()
        except RunError as error:
            if isinstance(error.__context__, UserError):
                refused.append(error.__context__)
            raise

    mend_files(found.engine.environment()["PULUMI_BACKEND_URL"], found.record.stack, progress.say)
    with progress.step(f"pulumi {operation} {found.record.stack}") as step:
        report = Report(step)
        try:
            stack = found.engine.stack(found.record.stack, program)
            settle(stack, _adoptable(found.cluster), progress.say)
            _run(stack, operation, report)
        except CommandError as error:
            raise (refused[0] if refused else report.error(operation, str(error))) from None
        step.update(report.summary())
    outputs = {} if operation != "up" else {key: out.value for key, out in stack.outputs().items() if not out.secret}
    return Outcome(record=found.record, outputs=outputs, changed=report.changed, summary=report.summary())


def _run(stack: Stack, operation: str, report: Report) -> None:
    run: dict[str, Callable[[], object]] = {
        # The refresh mends drift, and a state that knows of a cluster that is gone.
        "up": lambda: stack.up(on_event=report.on_event, color="never", suppress_outputs=True, refresh=True),
        "preview": lambda: stack.preview(on_event=report.on_event, color="never"),
        "destroy": lambda: stack.destroy(on_event=report.on_event, color="never"),
    }
    run[operation]()


def _adoptable(cluster: Cluster) -> Callable[[PendingCreate], bool]:
    return lambda create: cluster.made_by_pulumi(create.inputs)


def _forget_stack(paths: Paths, stack: str, progress: Progress) -> None:
    """The cluster is gone, and every resource with it: so is what the state says of them.

    Where there is no engine, or it fails, the refresh of the next `up` finds that the resources are gone.
    """
    pulumi = paths.toolchain / "bin" / "pulumi"
    if not pulumi.exists() or not paths.passphrase.exists():
        return
    from pulumi.automation import CommandError

    engine = Engine(pulumi=pulumi, paths=paths, plugin=None)
    mend_files(engine.environment()["PULUMI_BACKEND_URL"], stack, progress.say)
    try:
        engine.stack(stack, lambda: None).workspace.remove_stack(stack, force=True)
    except CommandError as error:
        progress.say(f"the state of stack {stack!r} stays, and is mended by the next `up`: {error}")
