"""What a killed `up` leaves in the state, and how the next one goes on.

The engine writes the state at every step, so a kill leaves at most a lock of a dead process and the operations that
were under way. What was being created may exist in the cluster or not: if it does, it is adopted, otherwise forgotten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from groundwork.errors import ExitCode, UserError

if TYPE_CHECKING:
    from pulumi.automation import Stack


@dataclass(frozen=True, kw_only=True)
class PendingCreate:
    """A resource that was being created at the kill. `inputs` are the checked ones, with the final name."""

    urn: str
    type: str
    inputs: Mapping[str, object]

    @property
    def object_id(self) -> str | None:
        """The id that the Kubernetes provider gives it: `namespace/name` or `name`; None for anything else."""
        metadata = self.inputs.get("metadata")
        if not self.type.startswith("kubernetes:") or not isinstance(metadata, Mapping):
            return None
        name, namespace = metadata.get("name"), metadata.get("namespace")
        if not isinstance(name, str):
            return None
        return f"{namespace}/{name}" if isinstance(namespace, str) else name


def pending_creates(deployment: Mapping[str, object]) -> list[PendingCreate]:
    """The creations that an exported deployment lists as under way."""
    operations = deployment.get("pending_operations")
    found: list[PendingCreate] = []
    for operation in operations if isinstance(operations, list) else []:
        resource = operation["resource"]
        if operation["type"] == "creating":
            found.append(PendingCreate(urn=resource["urn"], type=resource["type"], inputs=resource.get("inputs") or {}))
    return found


def recover(stack: Stack, backend: str, exists: Callable[[PendingCreate], bool], say: Callable[[str], None]) -> None:
    """Take away the lock of a dead process and settle what was under way. `exists` asks the cluster for an object."""
    release_stale_locks(backend, stack.name, say)
    deployment = stack.export_stack().deployment or {}
    if not deployment.get("pending_operations"):
        return
    creates = pending_creates(deployment)
    adopted = [create for create in creates if create.object_id is not None and exists(create)]
    for create in adopted:
        say(f"adopting {create.urn.rsplit('::', 1)[-1]} ({create.object_id}), which a killed run had made")
    _settle(stack, adopted)


def _settle(stack: Stack, adopted: Iterable[PendingCreate]) -> None:
    """Import what exists; the refresh drops every other pending operation. Nothing else is refreshed."""
    adopted = list(adopted)
    arguments = ["refresh", "--yes", "--skip-preview", "--stack", stack.name, "--non-interactive"]
    for create in adopted:
        arguments += ["--import-pending-creates", f"{create.urn} {create.object_id}", "--target", create.urn]
    if not adopted:
        arguments += ["--clear-pending-creates"]
    workspace = stack.workspace
    workspace.pulumi_command.run(arguments, workspace.work_dir, workspace.env_vars)


def release_stale_locks(backend: str, stack: str, say: Callable[[str], None]) -> None:
    """Remove lock files whose process is gone; a living one means that another run is under way.

    Only a `file://` backend is looked at: other backends' locks are the user's to release (`pulumi cancel`).
    """
    address = urlparse(backend)
    if address.scheme != "file":
        return
    for lock in sorted((Path(unquote(address.path)) / ".pulumi" / "locks").glob(f"**/{stack}/*.json")):
        process = _owner(lock)
        if process is not None and _is_pulumi(process):
            raise UserError(
                what=f"another run works on stack {stack!r} (process {process})",
                where=str(lock),
                fix="wait until it has ended, or end it, and run this again",
                code=ExitCode.ERROR,
            )
        say(f"removing the lock of a run that was killed ({lock.name})")
        lock.unlink(missing_ok=True)


def _owner(lock: Path) -> int | None:
    try:
        content: object = json.loads(lock.read_text("utf-8"))
    except (OSError, ValueError):  # gone meanwhile, or half written by the killed process
        return None
    process = content.get("pid") if isinstance(content, dict) else None
    return process if isinstance(process, int) else None


def _is_pulumi(process: int) -> bool:
    """Whether that process lives and is an engine: the number may have been given to another program since."""
    try:
        os.kill(process, 0)
        command = Path(f"/proc/{process}/cmdline")
        return not command.exists() or b"pulumi" in command.read_bytes()
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
