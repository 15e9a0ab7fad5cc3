"""Where roots are kept: a folder of this user's, every file 0600, no copy in the cluster or in a stack's state."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from groundwork.errors import UserError
from groundwork.files import write_atomically
from local.authority.certificates import Authority, new_root


class Phase(StrEnum):
    """How far a rotation is. Each is a state in which the mesh can stay for as long as it must."""

    STEADY = "steady"
    BOTH_TRUSTED = "both-trusted"
    NEW_SIGNS = "new-signs"

    @property
    def meaning(self) -> str:
        """For people."""
        return {
            Phase.STEADY: "one root, trusted by all",
            Phase.BOTH_TRUSTED: "the old root signs; the new one is trusted beside it",
            Phase.NEW_SIGNS: "the new root signs; the old one is still trusted",
        }[self]


@dataclass(frozen=True, kw_only=True)
class State:
    """`current`: the root that was there first; `next`: the one that a rotation brings."""

    phase: Phase
    current: str
    next: str | None = None

    @property
    def trusted(self) -> tuple[str, ...]:
        """The roots in the bundle, the first that was there first."""
        return (self.current,) if self.next is None else (self.current, self.next)

    @property
    def signer(self) -> str:
        """The root whose intermediate signs."""
        return self.next if self.phase is Phase.NEW_SIGNS and self.next is not None else self.current


@dataclass(frozen=True, kw_only=True)
class Vault:
    """The folder."""

    folder: Path

    @property
    def _file(self) -> Path:
        return self.folder / "state.json"

    def exists(self) -> bool:
        """Whether a root was ever made here."""
        return self._file.exists()

    def state(self) -> State:
        """How things stand. Raises UserError where there is no root, or the file is damaged."""
        try:
            found = json.loads(self._file.read_text("utf-8"))
            return State(phase=Phase(found["phase"]), current=str(found["current"]), next=found["next"])
        except FileNotFoundError:
            raise UserError(what="the mesh has no root yet", fix="run: groundwork mesh root init") from None
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                what=f"is not the state of a root: {error}", where=str(self._file), fix="restore it from a backup"
            ) from None

    def save(self, state: State) -> State:
        """Write the state, and remove the roots that it does not know any more."""
        write_atomically(self._file, json.dumps(asdict(state), indent=2) + "\n", mode=0o600)
        for file in (*self.folder.glob("*.key"), *self.folder.glob("*.crt")):
            if file.stem not in state.trusted:
                file.unlink()
        return state

    def create(self, now: dt.datetime) -> State:
        """Make the first root."""
        return self.save(State(phase=Phase.STEADY, current=self.add(now)))

    def add(self, now: dt.datetime) -> str:
        """Make a root beside those there are; gives its id. It counts for nothing until a state names it."""
        made = new_root(now)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(self.folder / f"{made.id}.key", made.key, mode=0o600)
        write_atomically(self.folder / f"{made.id}.crt", made.certificate, mode=0o600)
        return made.id

    def root(self, id_: str) -> Authority:
        """One root, with its key. Raises UserError where its files are not there."""
        try:
            return Authority(
                certificate=(self.folder / f"{id_}.crt").read_text("utf-8"),
                key=(self.folder / f"{id_}.key").read_text("utf-8"),
            )
        except FileNotFoundError as error:
            raise UserError(
                what="a root's file is missing", where=str(error.filename), fix="restore it from a backup"
            ) from None

    def bundle(self, state: State) -> str:
        """What is trusted, as PEM."""
        return "".join(self.root(id_).certificate for id_ in state.trusted)
