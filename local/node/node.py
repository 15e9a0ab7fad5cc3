"""The node's verbs: `up`, `down` and `status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from local.node.host import processes
from local.node.host.objects import Cluster
from local.node.host.probes import Access
from local.node.preflight import check
from local.node.runner import alone, run_playbook
from local.node.settings import SERVICES, Kind, NodeSettings

if TYPE_CHECKING:
    from local.toolchain import Toolchain


@dataclass(frozen=True, kw_only=True)
class Status:
    """`services`: process id by service; `missing`: services that do not run; `ready`: the node's Ready condition."""

    services: dict[str, int]
    missing: tuple[str, ...]
    ready: bool


def up(settings: NodeSettings, toolchain: Toolchain, progress: Progress) -> Sequence[str]:
    """Bring the node up and wait for it to be Ready. Returns the tasks that changed something; none the second time.

    Converges from any state an earlier run left. UserError when something is in the way, or a service does not start.
    """
    with progress.step(f"Node ({settings.kind})") as step, alone(settings.runtime) as lock:
        check(settings)
        run = run_playbook("local_node.yml", settings.variables(toolchain.path), step, lock)
        step.update(f"{len(run.changed)} changed" if run.changed else "nothing changed")
    return run.changed


def down(settings: NodeSettings, progress: Progress) -> Sequence[str]:
    """Take the node down, running or dead, and leave the host as it was. Returns the tasks that did something."""
    if settings.kind is Kind.REAL:
        _check_can_undo(settings)
    with progress.step(f"Taking the node down ({settings.kind})") as step, alone(settings.runtime) as lock:
        run = run_playbook("local_node_down.yml", settings.variables(None), step, lock)
        step.update("done" if run.changed else "there was none")
    return run.changed


def status(settings: NodeSettings) -> Status:
    """What runs just now; asks the API server only when there is a node."""
    found = {p.environment[processes.SERVICE]: p.pid for p in processes.of_node(settings.runtime) if _is_service(p)}
    missing = tuple(name for name in SERVICES[settings.kind] if name not in found)
    return Status(services=found, missing=missing, ready=bool(found) and _is_ready(settings))


def _is_ready(settings: NodeSettings) -> bool:
    try:
        cluster = _cluster(settings)
    except FileNotFoundError:  # no certificates to ask with: a node half made, or half removed
        return False
    return cluster.is_ready() and cluster.node_is_ready(settings.name)


def _is_service(process: processes.Process) -> bool:
    # Shims inherit containerd's environment; the names of processes are cut off at 15 characters.
    return process.environment.get(processes.SERVICE, "")[:15] == process.program


def _cluster(settings: NodeSettings) -> Cluster:
    pki = settings.config / "pki" / "cluster"
    access = Access(authority=pki / "ca.crt", certificate=pki / "bootstrap.crt", key=pki / "bootstrap.key")
    return Cluster(settings.url, access)


def _check_can_undo(settings: NodeSettings) -> None:
    import os

    if os.geteuid() != 0 and any(folder.exists() for folder in settings.folders):
        raise UserError(what="taking a real node down needs root", fix="run it as root", code=ExitCode.USAGE)
