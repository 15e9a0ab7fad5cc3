"""The shape of a recording: what one scenario made the engine, the state and the cluster do.

The JSON on disk is the same as that of the recordings that came with the project, so that either can be compared.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

JsonObject = dict[str, JsonValue]


class Event(BaseModel):
    """One event of the engine. Which fields are set depends on `event`."""

    model_config = ConfigDict(extra="allow")

    event: Literal["resourcePreEvent", "resOutputsEvent", "resOpFailedEvent", "diagnostic", "summary"]
    op: str | None = None
    urn: str | None = None
    type: str | None = None
    diffs: list[str] | None = None
    detailed_diff: dict[str, JsonObject] | None = Field(default=None, alias="detailedDiff")
    keys: list[str] | None = None
    severity: str | None = None
    message: str | None = None
    changes: dict[str, int] | None = None


class Operation(BaseModel):
    """One command of the engine: its exit status, how long it took and what it said."""

    exit: int | None = None
    seconds: float | None = None
    events: list[Event] | None = None
    summary: list[Event] | None = None

    @property
    def failed(self) -> bool:
        return bool(self.exit)


class Step(BaseModel):
    """One state of the program: `before` is run by a shell, then the operations in the order of the fields."""

    step: int
    before: str | None = None
    before_out: str | None = None
    preview: Operation | None = None
    up: Operation | None = None
    state: list[JsonObject] | None = None
    preview_again: Operation | None = None
    drift: str | None = Field(default=None, description="shell that changes an object behind the engine's back")
    refresh: Operation | None = None
    state_after_refresh: list[JsonObject] | None = None
    preview_after_drift: Operation | None = None
    loss: str | None = Field(default=None, description="shell that deletes an object behind the engine's back")
    refresh_after_delete: Operation | None = None
    objects: list[JsonObject] | None = None


class Recording(BaseModel):
    """One scenario from setup to what was left. `setup` is run by a shell with KUBECONFIG set."""

    scenario: str
    setup: str | None = None
    steps: list[Step]
    destroy: Operation
    left: list[str]


def read(path: Path) -> Recording:
    """A recording from its file. Raises pydantic's ValidationError where the file is of another shape."""
    return Recording.model_validate_json(path.read_text("utf-8"))


def write(recording: Recording, folder: Path) -> Path:
    """Write `<scenario>.json` in `folder`, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{recording.scenario}.json"
    part = path.with_suffix(".part")
    part.write_text(recording.model_dump_json(indent=1, by_alias=True, exclude_unset=True) + "\n", "utf-8")
    part.rename(path)
    return path


def home() -> Path:
    """The folder with the recordings and their program: GROUNDWORK_CONFORMANCE_RECORDINGS, or our own."""
    named = os.environ.get("GROUNDWORK_CONFORMANCE_RECORDINGS")
    return Path(named).resolve() if named else Path(__file__).resolve().parent / "recordings"
