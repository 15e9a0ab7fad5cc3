"""Runs a playbook of this project and turns what it says into progress and clear errors."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from groundwork.console import Step
from groundwork.errors import UserError
from local.node.events import Run, error_of, follow
from local.paths import CHECKOUT

PLAYBOOKS = CHECKOUT / "playbooks"


def run_playbook(name: str, variables: Mapping[str, object], step: Step | None) -> Run:
    """Run `playbooks/<name>` on this host. Raises UserError with the task that failed, and why."""
    with tempfile.TemporaryDirectory(prefix="groundwork-ansible-") as folder:
        given = Path(folder) / "variables.json"
        given.write_text(json.dumps(variables))
        command: list[str | Path] = [_ansible_playbook(), "-i", "localhost,", "-e", f"@{given}", PLAYBOOKS / name]
        # One process at a time writes to both: a traceback of Ansible's own is found among the lines.
        with subprocess.Popen(
            command,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            try:
                run = follow(process.stdout or (), step)
            except BaseException:
                process.terminate()
                raise
    error = error_of(run, process.returncode, name)
    if error is not None:
        raise error
    return run


@contextmanager
def alone(runtime: Path) -> Iterator[None]:
    """Hold the node for this process. The lock is an abstract socket: it goes with the process, however that ends."""
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind(f"\0groundwork-node:{runtime}")
        except OSError:
            raise UserError(
                what="another groundwork is at work on this node", where=str(runtime), fix="wait for it to end"
            ) from None
        yield


def _ansible_playbook() -> Path:
    return Path(sys.executable).parent / "ansible-playbook"


def _environment(folder: str) -> dict[str, str]:
    # Settings of the user's own for other playbooks have no place here.
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    return {
        **kept,
        "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "groundwork_events",
        "ANSIBLE_HOME": folder,
        "ANSIBLE_LOCAL_TEMP": folder,
        "ANSIBLE_REMOTE_TEMP": folder,
        "LC_ALL": "C.UTF-8",
    }
