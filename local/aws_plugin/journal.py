"""What this plugin was making, kept on disk, so that a run after a kill finds it (docs/aws-plugin.md).

Before a resource is made, its URN is written with a fresh token that goes with the request where the API takes one;
after the answer, its id. A kill leaves either: an id, or a token to look for.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from groundwork.files import write_atomically

VARIABLE = "GROUNDWORK_AWS_JOURNAL"
TOKEN_TAG = "groundwork:made-by"  # noqa: S105 - a tag's name


@dataclass(frozen=True)
class Entry:
    """One resource that was being made. `identifier` is empty until the API has answered."""

    urn: str
    token: str
    identifier: str = ""


@dataclass(frozen=True)
class Journal:
    """A folder with one small file for each resource; without a folder nothing is kept."""

    folder: Path | None

    @classmethod
    def of_environment(cls) -> Journal:
        """The folder that the engine's environment names."""
        named = os.environ.get(VARIABLE)
        return cls(Path(named) if named else None)

    def begin(self, urn: str) -> Entry:
        """A resource is about to be made."""
        return self._write(Entry(urn, uuid.uuid4().hex))

    def made(self, entry: Entry, identifier: str) -> None:
        """The API has answered."""
        self._write(Entry(entry.urn, entry.token, identifier))

    def forget(self, urn: str) -> None:
        """The resource is gone, or was refused."""
        if self.folder is not None:
            self._file(urn).unlink(missing_ok=True)

    def find(self, urn: str) -> Entry | None:
        """What is known of a resource that was being made."""
        if self.folder is None:
            return None
        try:
            return Entry(**json.loads(self._file(urn).read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def _write(self, entry: Entry) -> Entry:
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            text = json.dumps({"urn": entry.urn, "token": entry.token, "identifier": entry.identifier})
            write_atomically(self._file(entry.urn), text, mode=0o600)
        return entry

    def _file(self, urn: str) -> Path:
        assert self.folder is not None  # noqa: S101 - callers have asked
        return self.folder / f"{hashlib.sha256(urn.encode()).hexdigest()[:32]}.json"
