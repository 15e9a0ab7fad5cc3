"""Services as systemd units. They live in /run, as the node's bridge does: after a reboot, `up` makes both again."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.node.host.files import ManagedFile
from local.node.host.services import LOG_LINES, Service

PREFIX = "groundwork-"


@dataclass(frozen=True, kw_only=True)
class Systemd:
    """Units of one node. `runtime`: the node's folder, its mark on every process."""

    runtime: Path
    units: Path = Path("/run/systemd/system")

    def prepare(self) -> bool:
        """Nothing to do: systemd runs."""
        return False

    def define(self, service: Service) -> None:
        """Write the service's unit."""
        text = unit(service, service.full_environment(self.runtime))
        ManagedFile(path=self._unit(service.name), mode=0o600, content=text.encode()).apply()

    def pid(self, name: str) -> int | None:
        """The running service's main process."""
        shown = _systemctl("show", "--property=MainPID", "--value", PREFIX + name, check=False).strip()
        return int(shown) if shown.isdigit() and shown != "0" else None

    def restart(self, names: Sequence[str]) -> None:
        """Load the units and (re)start the named services."""
        _systemctl("daemon-reload")
        _systemctl("restart", "--no-block", *(PREFIX + name for name in names))

    def log_tail(self, name: str) -> str:
        """The unit's last journal lines."""
        command = ["journalctl", "--no-pager", "--output=cat", f"--lines={LOG_LINES}", f"--unit={PREFIX}{name}"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def remove(self) -> bool:
        """Stop and delete every unit."""
        units = sorted(self.units.glob(f"{PREFIX}*.service"))
        if units:
            _systemctl("stop", *(path.name for path in units), check=False)
            for path in units:
                path.unlink()
            _systemctl("daemon-reload")
        return bool(units)

    def _unit(self, name: str) -> Path:
        return self.units / f"{PREFIX}{name}.service"


def unit(service: Service, environment: Mapping[str, str]) -> str:
    """The unit file of a service: restarted for ever; its children (shims, pods) outlive a restart."""
    return "\n".join(
        [
            "[Unit]",
            f"Description=Groundwork {service.name}",
            "StartLimitIntervalSec=0",
            "[Service]",
            f"ExecStart={' '.join(_quoted(word) for word in service.command)}",
            *(f"Environment={_quoted(f'{name}={value}')}" for name, value in environment.items()),
            "Restart=always",
            "RestartSec=1",
            "KillMode=process",
            "Delegate=yes",
            "LimitNOFILE=1048576",
            "TasksMax=infinity",
            "",
        ]
    )


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _systemctl(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"systemctl {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout
