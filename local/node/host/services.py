"""Supervised services: started in order, restarted when what they were started with has changed, waited for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from groundwork.waiting import wait_until
from local.node.host.probes import Access, is_ready
from local.node.host.processes import DIGEST, NODE, SERVICE, environment_of

LOG_LINES = 15


@dataclass(frozen=True, kw_only=True)
class Service:
    """A program to keep running. `watch`: files it reads only when it starts. `ready`: see `probes.is_ready`."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    watch: tuple[Path, ...] = ()
    ready: str | None = None
    access: Access | None = None

    def digest(self) -> str:
        """Of everything that calls for a restart: command, environment, the program itself and the watched files."""
        program = Path(self.command[0]).resolve()
        state = program.stat()
        total = hashlib.sha256(
            repr(
                (self.command, sorted(self.environment.items()), str(program), state.st_size, state.st_mtime_ns)
            ).encode()
        )
        for path in self.watch:
            total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def full_environment(self, runtime: Path) -> dict[str, str]:
        """The service's environment with the marks by which it is found again."""
        marks = {NODE: str(runtime), SERVICE: self.name, DIGEST: self.digest()}
        return {**self.environment, **marks}


class Manager(Protocol):
    """What keeps services running: supervisord or systemd."""

    def prepare(self) -> bool:
        """Be able to take orders; true when something had to be done for that."""

    def define(self, service: Service) -> None:
        """Write down how the service is run."""

    def pid(self, name: str) -> int | None:
        """The running service's process."""

    def restart(self, names: Sequence[str]) -> None:
        """Start the services as they are now defined, stopping them first if they run."""

    def log_tail(self, name: str) -> str:
        """The last lines the service wrote."""

    def remove(self) -> bool:
        """Stop every service and forget them; true when there was something to remove."""


class NotReadyError(Exception):
    """A service did not become ready in time."""

    def __init__(self, service: Service, seconds: float, log: str) -> None:
        super().__init__(f"{service.name} was not ready after {seconds:.0f} s; its last lines:\n{log}")
        self.service = service


def ensure_services(manager: Manager, services: Sequence[Service], seconds: float) -> list[str]:
    """Run the services as described and wait until each is ready. Returns the names of those that were (re)started."""
    manager.prepare()
    stale = [service for service in services if not _runs(manager, service)]
    for service in stale:
        manager.define(service)
    if stale:
        manager.restart([service.name for service in stale])
    for service in services:
        target, access = service.ready, service.access
        if target is not None and not wait_until(partial(is_ready, target, access), seconds):
            raise NotReadyError(service, seconds, manager.log_tail(service.name))
    return [service.name for service in stale]


def _runs(manager: Manager, service: Service) -> bool:
    pid = manager.pid(service.name)
    return pid is not None and environment_of(pid).get(DIGEST) == service.digest()


def last_lines(path: Path, count: int = LOG_LINES) -> str:
    """The end of a log file, or a word on why there is none."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-count:])
    except OSError as error:
        return f"(no log: {error})"
