"""Services under supervisord, for hosts whose first process is not systemd, and for nodes without root."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import xmlrpc.client
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork.waiting import wait_until
from local.node.host import processes
from local.node.host.files import ManagedFile
from local.node.host.services import Service, last_lines

SHIM = "containerd-shim"  # keeps a pod alive while containerd is restarted: never an orphan to end
NEVER_GIVE_UP = 1_000_000_000
STOP_SECONDS = 30


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=2 * STOP_SECONDS)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket's path."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Transport(xmlrpc.client.Transport):
    """XML-RPC over supervisord's unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: object) -> http.client.HTTPConnection:  # noqa: ARG002 - the socket is the address
        """A connection to the socket, whatever the host."""
        return UnixConnection(self._path)


@dataclass(frozen=True, kw_only=True)
class Supervisord:
    """One supervisord for one node. `program`: its executable; the folders are the node's."""

    program: Path
    config: Path
    runtime: Path
    logs: Path

    @property
    def socket(self) -> Path:
        """Where it takes orders; only the owner may."""
        return self.runtime / "supervisor.sock"

    @property
    def _definitions(self) -> Path:
        return self.config / "services"

    def prepare(self) -> bool:
        """Have supervisord running; what an earlier one left behind is ended first."""
        ManagedFile(path=self._definitions, mode=0o700).apply()
        if self._answers():
            return False
        self._end_leftovers()
        conf = self.config / "supervisord.conf"
        ManagedFile(path=conf, mode=0o600, content=self._configuration().encode()).apply()
        for path in self._definitions.glob("*.conf"):
            path.unlink()  # each service is defined again before it is started
        environment = {**os.environ, processes.NODE: str(self.runtime)}
        subprocess.run(
            [self.program, "-c", conf],
            env=environment,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        if not wait_until(self._answers, 30):
            raise TimeoutError(f"supervisord does not answer; its last lines:\n{last_lines(self._log)}")
        return True

    def define(self, service: Service) -> None:
        """Write the service's section."""
        text = section(service, service.full_environment(self.runtime), self.logs)
        ManagedFile(path=self._definitions / f"{service.name}.conf", mode=0o600, content=text.encode()).apply()

    def pid(self, name: str) -> int | None:
        """The running service's process id."""
        for info in self._infos():
            if info["name"] == name and info["statename"] == "RUNNING":
                return int(str(info["pid"]))
        return None

    def restart(self, names: Sequence[str]) -> None:
        """Load the definitions and start the named services, stopped first where they run."""
        proxy = self._proxy().supervisor
        known = {str(info["name"]) for info in self._infos()}
        proxy.reloadConfig()
        for name in names:
            if name in known:
                proxy.stopProcessGroup(name)
                proxy.removeProcessGroup(name)
        for name in names:
            proxy.addProcessGroup(name)

    def stop(self, name: str) -> None:
        """Stop a service, which stays stopped until it is started."""
        if self.pid(name) is not None:
            self._proxy().supervisor.stopProcess(name)

    def start(self, name: str) -> None:
        """Start a service that was stopped."""
        if self.pid(name) is None:
            self._proxy().supervisor.startProcess(name)

    def log_tail(self, name: str) -> str:
        """The last lines of the service's log."""
        return last_lines(self.logs / f"{name}.log")

    def remove(self) -> bool:
        """End supervisord with all it runs, dead or alive."""
        found = processes.of_node(self.runtime)
        if self._answers():
            self._proxy().supervisor.shutdown()
            wait_until(lambda: not self._answers(), STOP_SECONDS)
        self._end_leftovers()
        return bool(found)

    @property
    def _log(self) -> Path:
        return self.logs / "supervisord.log"

    def _end_leftovers(self) -> None:
        # The old supervisor first: it would start again whatever else is ended. Then they are looked for again: while a
        # process is being executed, nothing says whose it is.
        self._end([process for process in self._leftovers() if processes.SERVICE not in process.environment])
        self._end(self._leftovers())
        self.socket.unlink(missing_ok=True)

    def _leftovers(self) -> list[processes.Process]:
        return [process for process in processes.of_node(self.runtime) if not process.program.startswith(SHIM)]

    def _end(self, found: Iterable[processes.Process]) -> None:
        processes.end([process.pid for process in found], grace_seconds=10)

    def _proxy(self) -> xmlrpc.client.ServerProxy:
        return xmlrpc.client.ServerProxy("http://localhost", transport=Transport(self.socket))

    def _answers(self) -> bool:
        try:
            self._proxy().supervisor.getPID()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False
        return True

    def _infos(self) -> list[dict[str, object]]:
        infos = self._proxy().supervisor.getAllProcessInfo()
        return infos if isinstance(infos, list) else []

    def _configuration(self) -> str:
        return "\n".join(
            [
                "[unix_http_server]",
                f"file={_literal(str(self.socket))}",
                "chmod=0700",
                "[supervisord]",
                f"logfile={_literal(str(self._log))}",
                "logfile_maxbytes=10MB",
                "logfile_backups=2",
                f"pidfile={_literal(str(self.runtime / 'supervisord.pid'))}",
                f"childlogdir={_literal(str(self.logs))}",
                "[rpcinterface:supervisor]",
                "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
                "[include]",
                f"files={_literal(str(self._definitions))}/*.conf",
                "",
            ]
        )


def section(service: Service, environment: Mapping[str, str], logs: Path) -> str:
    """The `[program:…]` section of a service: restarted for ever, output in one rotated file."""
    pairs = ",".join(f"{name}={_quoted(value)}" for name, value in environment.items())
    return "\n".join(
        [
            f"[program:{service.name}]",
            f"command={' '.join(_quoted(word) for word in service.command)}",
            f"environment={pairs}",
            "autostart=true",
            "autorestart=true",
            "startsecs=1",
            f"startretries={NEVER_GIVE_UP}",
            f"stopwaitsecs={STOP_SECONDS}",
            "redirect_stderr=true",
            f"stdout_logfile={_literal(str(logs / (service.name + '.log')))}",
            "stdout_logfile_maxbytes=20MB",
            "stdout_logfile_backups=2",
            "",
        ]
    )


def _literal(value: str) -> str:
    return value.replace("%", "%%")


def _quoted(value: str) -> str:
    escaped = _literal(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
