"""What a killed `up` leaves in the state, and how the next one goes on.

The engine writes the state at every step, so a kill leaves at most a lock of a dead process, a file that was being
written, and the operations that were under way. What was being created may exist in the cluster or not: if it does, it
is adopted, otherwise forgotten.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from groundwork.errors import ExitCode, UserError
from groundwork.waiting import wait_until
from local.engine.report import short

if TYPE_CHECKING:
    from pulumi.automation import Stack

ENGINE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class PendingCreate:
    """A resource that was being created at the kill, as the state has it, its inputs with the final name."""

    resource: Mapping[str, object]

    @property
    def urn(self) -> str:
        """Its URN."""
        return str(self.resource["urn"])

    @property
    def inputs(self) -> Mapping[str, object]:
        """The inputs that the provider had checked."""
        inputs = self.resource.get("inputs")
        return inputs if isinstance(inputs, Mapping) else {}

    @property
    def object_id(self) -> str | None:
        """The id that the Kubernetes provider gives it: `namespace/name` or `name`; None for anything else."""
        metadata = self.inputs.get("metadata")
        if not str(self.resource["type"]).startswith("kubernetes:") or not isinstance(metadata, Mapping):
            return None
        name, namespace = metadata.get("name"), metadata.get("namespace")
        if not isinstance(name, str):
            return None
        return f"{namespace}/{name}" if isinstance(namespace, str) else name

    def created(self, identifier: str) -> dict[str, object]:
        """The state of the resource once it was created; a refresh fills in what the provider added."""
        outputs = dict(self.inputs)
        if self.object_id is not None:
            outputs |= {"__inputs": self.inputs, "__initialApiVersion": self.inputs.get("apiVersion")}
        return {**self.resource, "id": identifier, "outputs": outputs}


def pending_creates(deployment: Mapping[str, object]) -> list[PendingCreate]:
    """The creations that an exported deployment lists as under way."""
    operations = deployment.get("pending_operations")
    rows = operations if isinstance(operations, list) else []
    return [PendingCreate(resource=row["resource"]) for row in rows if row["type"] == "creating"]


def settled(deployment: Mapping[str, object], adopted: Iterable[tuple[PendingCreate, str]]) -> dict[str, object]:
    """The deployment with nothing under way: `adopted`, with their ids, are resources as any other.

    The rest is forgotten.

    Operations other than creations are safe to forget: the resource is in the state, and is updated or deleted again.
    """
    resources = deployment.get("resources")
    there = resources if isinstance(resources, list) else []
    return {
        **deployment,
        "resources": [*there, *(create.created(identifier) for create, identifier in adopted)],
        "pending_operations": [],
    }


def mend_files(backend: str, stack: str, say: Callable[[str], None], *, patience: float = ENGINE_SECONDS) -> None:
    """Take away the lock of a dead process and what it had half written, so that the stack can be opened.

    Only a `file://` backend is looked at: other backends' locks are the user's to release (`pulumi cancel`).
    Raises UserError when an engine still works on the stack after `patience` seconds. One whose `groundwork` was killed
    ends by itself, as it has lost its program.
    """
    state = _folder(backend)
    if state is None:
        return
    _release_stale_locks(state, stack, say, patience)
    # Of this stack alone: an engine may be writing another's just now.
    _remove_half_written(state, f"stacks/**/{stack}.json")
    for folder in ("history", "backups", "locks"):
        _remove_half_written(state, f"{folder}/**/{stack}/")


def forget_files(backend: str, stack: str) -> None:
    """Remove what the engine keeps of a stack that is removed: backups, history, empty folders of locks.

    Of a `file://` backend only.
    """
    state = _folder(backend)
    if state is None:
        return
    for file in state.glob(f"stacks/**/{stack}.json*"):
        file.unlink(missing_ok=True)
    for kept in ("history", "backups", "locks"):
        for folder in state.glob(f"{kept}/**/{stack}"):
            shutil.rmtree(folder, ignore_errors=True)


def stack_names(backend: str, project: str) -> list[str] | None:
    """The project's stacks that have a state; None where the backend is not `file://`: the engine must be asked then.

    The engine's own list reads every stack's files, and fails where a killed run, or one under way, half wrote one.
    """
    state = _folder(backend)
    if state is None:
        return None
    return sorted(file.name.removesuffix(".json") for file in (state / "stacks" / project).glob("*.json"))


def was_interrupted(backend: str, stack: str) -> bool:
    """Whether the stack's state may list operations under way. Reading the file costs less than asking the engine."""
    return _state_may_have(b'"pending_operations"', backend, stack)


def is_disordered(backend: str, stack: str) -> bool:
    """Whether the stack's state lists a resource before what it needs: the engine refuses it, and says so in it. Of a
    `file://` backend only.
    """
    state = _folder(backend)
    if state is None or not _state_may_have(b'"integrity_error"', backend, stack):
        return False
    found = [json.loads(file.read_text("utf-8")) for file in state.glob(f"stacks/**/{stack}.json")]
    return not all(_in_order(each["checkpoint"]["latest"].get("resources") or []) for each in found)


def _in_order(resources: Iterable[Mapping[str, object]]) -> bool:
    known: set[object] = set()
    for resource in resources:
        needed = resource.get("dependencies")
        if not known.issuperset(
            [*(needed if isinstance(needed, list) else []), *filter(None, [resource.get("parent")])]
        ):
            return False
        known.add(resource["urn"])
    return True


def is_made(backend: str, stack: str) -> bool:
    """Whether the stack's state may list resources that exist."""
    return _state_may_have(b'"resources"', backend, stack)


def _state_may_have(key: bytes, backend: str, stack: str) -> bool:
    state = _folder(backend)
    return state is None or any(key in file.read_bytes() for file in state.glob(f"stacks/**/{stack}.json"))


def _folder(backend: str) -> Path | None:
    """Where a `file://` backend keeps its files; None for any other."""
    address = urlparse(backend)
    return Path(unquote(address.path)) / ".pulumi" if address.scheme == "file" else None


Find = Callable[[PendingCreate, Mapping[str, object]], str | None]


def settle(stack: Stack, find: Find, say: Callable[[str], None]) -> None:
    """Settle what was under way when an engine was killed; a refresh must follow.

    `find` asks the cluster or the account for a resource, with the deployment that it belongs to, and gives its id. The
    engine's own `refresh --import-pending-creates` is not used: with 3.259 and no terminal it drops the operation and
    imports nothing.
    """
    state = stack.export_stack()
    deployment = state.deployment or {}
    if not deployment.get("pending_operations"):
        return
    found = [(create, find(create, deployment)) for create in pending_creates(deployment)]
    known = {(row["urn"], row.get("id")) for row in deployment.get("resources") or []}
    # One that a replacement was to follow is in the state already.
    adopted = [(create, name) for create, name in found if name is not None and (create.urn, name) not in known]
    for create, identifier in adopted:
        say(f"adopting {short(create.urn)} ({identifier}), which a killed run had made")
    state.deployment = settled(deployment, adopted)
    stack.import_stack(state)


def _release_stale_locks(state: Path, stack: str, say: Callable[[str], None], patience: float) -> None:
    for lock in sorted((state / "locks").glob(f"**/{stack}/*.json")):
        process = _owner(lock)
        if process is not None and _is_pulumi(process):
            say(f"waiting for the engine of another run (process {process})")
        if process is not None and not wait_until(partial(_has_ended, process), patience):
            raise UserError(
                what=f"another run works on stack {stack!r} (process {process})",
                where=str(lock),
                fix="wait until it has ended, or end it, and run this again",
                code=ExitCode.ERROR,
            )
        if lock.exists():  # an engine that ended by itself has removed it
            say(f"removing the lock of a run that was killed ({lock.name})")
            lock.unlink(missing_ok=True)


def _remove_half_written(state: Path, beginning: str) -> None:
    """The backend renames a finished `.tmp` into place, but writes the `.attrs` beside it (a checksum) directly."""
    for temporary in state.glob(f"{beginning}*.tmp"):
        temporary.unlink(missing_ok=True)
    for attributes in state.glob(f"{beginning}*.attrs"):
        if not _is_json(attributes):
            attributes.unlink(missing_ok=True)


def _is_json(file: Path) -> bool:
    try:
        json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _owner(lock: Path) -> int | None:
    try:
        content: object = json.loads(lock.read_text("utf-8"))
    except (OSError, ValueError):  # gone meanwhile, or half written by the killed process
        return None
    process = content.get("pid") if isinstance(content, dict) else None
    return process if isinstance(process, int) else None


def _has_ended(process: int) -> bool:
    return not _is_pulumi(process)


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
