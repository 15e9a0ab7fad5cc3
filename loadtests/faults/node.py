"""Faults of the node's services: stopped, or killed and started again by what keeps them."""

from __future__ import annotations

import signal
from pathlib import Path

from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from loadtests.faults import ground
from local.node.host import processes
from local.node.settings import SERVICES, Kind

AGAIN_SECONDS, READY_SECONDS = 60.0, 120.0
_DEFINITIONS = Path("/etc/groundwork/services")


def stop_service(name: str) -> None:
    """Stop a service of the node, such as coredns; nothing starts it again but `start_service`."""
    _known(name)
    ground.supervisord().stop(name)


def start_service(name: str) -> None:
    """Start a service of the node that was stopped."""
    _known(name)
    ground.supervisord().start(name)


def kill_service(name: str) -> int:
    """SIGKILL a service of the node and wait until its keeper has started it again. Returns the new process."""
    _known(name)
    keeper = ground.supervisord()
    before = keeper.pid(name)
    if before is None:
        raise UserError(what=f"service {name} of the node does not run", code=ExitCode.ERROR)
    processes.send(before, signal.SIGKILL)
    found: list[int] = []

    def again() -> bool:
        now = keeper.pid(name)
        found.extend([now] if now not in {None, before} and now is not None else [])
        return bool(found)

    if not wait_until(again, AGAIN_SECONDS):
        raise UserError(what=f"service {name} of the node was not started again", code=ExitCode.ERROR)
    return found[0]


def service_runs(name: str, seconds: int = 30) -> bool:
    """Whether a service of the node runs within a time."""
    keeper = ground.supervisord()
    return wait_until(lambda: keeper.pid(name) is not None, seconds)


def service_is_down(name: str) -> bool:
    """Whether a service of the node does not run."""
    return ground.supervisord().pid(name) is None


def api_answers(seconds: float = READY_SECONDS) -> bool:
    """Whether the API server answers within a time."""
    return wait_until(ground.here().answers, seconds)


def left() -> list[str]:
    """The node's services that do not run."""
    return [f"{name} does not run" for name in defined() if not service_runs(name)]


def defined() -> list[str]:
    """The services of this node."""
    return sorted(file.stem for file in _DEFINITIONS.glob("*.conf"))


def _known(name: str) -> None:
    known = SERVICES[Kind.REAL]
    if name not in known:
        raise UserError(what=f"{name} is no service of the node", allowed=", ".join(known))
