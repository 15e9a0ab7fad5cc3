"""Runs a playbook of this project and turns what it says into progress and clear errors."""

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from groundwork.console import Step
from groundwork.errors import UserError
from groundwork.waiting import wait_until
from local.node.events import Run, error_of, follow
from local.paths import CHECKOUT

PLAYBOOKS = CHECKOUT / "playbooks"
WAIT_SECONDS = 300.0


def run_playbook(name: str, variables: Mapping[str, object], step: Step | None, lock: int) -> Run:
    """Run `playbooks/<name>` on this host, holding `lock` until it ends. UserError: which task failed, and why."""
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
            pass_fds=(lock,),
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
def alone(runtime: Path, seconds: float = WAIT_SECONDS) -> Iterator[int]:
    """Hold the node, and give the lock's file descriptor; UserError when somebody else does so for `seconds`.

    The lock is an abstract socket: it goes with the last process that has it open, however that ends. A playbook whose
    parent was killed still holds it, so the next run waits for it instead of working beside it.
    """
    with socket.socket(socket.AF_UNIX) as lock:
        if not wait_until(partial(_take, lock, f"\0groundwork-node:{runtime}"), seconds):
            raise UserError(
                what="another groundwork is at work on this node", where=str(runtime), fix="wait for it to end"
            )
        yield lock.fileno()


def _take(lock: socket.socket, name: str) -> bool:
    try:
        lock.bind(name)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        return False
    return True


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
