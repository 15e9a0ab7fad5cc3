"""What runs on this machine: which way it was brought up, so that `down` undoes just that, even after a kill."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from groundwork.errors import ExitCode, UserError
from groundwork.files import write_atomically
from local.paths import Paths


class Way(StrEnum):
    """The three ways to have a cluster."""

    REAL = "real"
    SIMULATED = "simulated"
    KUBECONFIG = "kubeconfig"

    @property
    def meaning(self) -> str:
        """What is real in it, in a sentence for people."""
        return {
            Way.REAL: "a real Kubernetes node on this machine",
            Way.SIMULATED: "real API server, scheduler and controllers; the node is simulated, no container runs",
            Way.KUBECONFIG: "your own cluster",
        }[self]


class Record(BaseModel):
    """What `up` has begun to make. Written before anything is made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    way: Way
    stack: str
    kubeconfig: Path


def read(paths: Paths) -> Record | None:
    """The record, None where nothing was brought up (or the record is not readable: then nothing can be trusted)."""
    file = _file(paths)
    try:
        return Record.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def require(paths: Paths) -> Record:
    """The record. Raises UserError where nothing was brought up."""
    made = read(paths)
    if made is None:
        raise UserError(what="nothing is up", fix="run: groundwork up local", code=ExitCode.ERROR)
    return made


def write(paths: Paths, record: Record) -> None:
    """Remember what is about to be made."""
    write_atomically(_file(paths), record.model_dump_json(indent=2) + "\n", mode=0o600)


def forget(paths: Paths) -> None:
    """Nothing runs any more."""
    _file(paths).unlink(missing_ok=True)


def _file(paths: Paths) -> Path:
    return paths.data / "environment.json"
