"""The audit log: one line an entry, each with the hash of the line before it and a signature; only ever appended to.

Verifying finds an edit, a removal, a reorder and a copied entry. That lines were cut off at the end is found by the
signed head beside the log; who can replace both has to be caught with a head that was noted elsewhere (`--head`).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from groundwork.errors import ExitCode, UserError
from groundwork.files import write_atomically
from promotion.bill import sha256
from promotion.signing import Role, Signed, Signer, Trust, Untrusted

ENTRY, HEAD = "audit-entry", "audit-head"
START = sha256(b"")


class Entry(BaseModel):
    """`number`: from 1; `previous`: hash of the line before, or of nothing; `by`: who did it; `data`: text only."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    previous: str
    at: AwareDatetime
    event: str
    by: str
    environment: str
    data: Mapping[str, str]


class Head(BaseModel):
    """How many lines there are, and the hash of the last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    last: str


@dataclass(frozen=True, kw_only=True)
class Log:
    """A log in a file. `trust`: knows the log's own key."""

    file: Path
    trust: Trust

    def append(self, signer: Signer, at: datetime, event: str, by: str, environment: str, **data: str) -> Entry:
        """Add one entry, after all others; it is on the disk when this returns. Raises UserError for a damaged log."""
        with self._lock():
            entries = self.entries()
            previous = sha256(self._lines()[-1].encode()) if entries else START
            entry = Entry(
                number=len(entries) + 1,
                previous=previous,
                at=at,
                event=event,
                by=by,
                environment=environment,
                data=data,
            )
            line = signer.sign(ENTRY, entry).model_dump_json()
            descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(line + "\n")
                stream.flush()
                os.fsync(stream.fileno())
            head = Head(number=entry.number, last=sha256(line.encode()))
            write_atomically(self._head, signer.sign(HEAD, head).model_dump_json() + "\n", mode=0o600)
        return entry

    def entries(self) -> list[Entry]:
        """All entries, verified. Raises UserError that says which line is wrong, and how."""
        found: list[Entry] = []
        last = START
        for number, line in enumerate(self._lines(), 1):
            entry = self._entry(number, line)
            if entry.number != number:
                raise self._damage(
                    f"line {number} says that it is number {entry.number}: one was removed, added or moved"
                )
            if entry.previous != last:
                raise self._damage(
                    f"line {number} does not follow the line before it: one was edited, removed or moved"
                )
            last = sha256(line.encode())
            found.append(entry)
        self._check_head(len(found), last)
        return found

    @property
    def head(self) -> str:
        """Number and hash of the last line: to be noted elsewhere."""
        lines = self._lines()
        return f"{len(lines)}:{sha256(lines[-1].encode()) if lines else START}"

    def holds(self, head: str) -> bool:
        """Whether a head that was noted earlier is a part of this log still."""
        number, _, last = head.partition(":")
        lines = self._lines()
        if not number.isdecimal() or int(number) > len(lines):
            return False
        return last == (sha256(lines[int(number) - 1].encode()) if int(number) else START)

    def _entry(self, number: int, line: str) -> Entry:
        try:
            return self.trust.open(Signed.model_validate_json(line), ENTRY, Role.LOG, Entry)
        except ValidationError:
            raise self._damage(f"line {number} is no entry") from None
        except Untrusted as error:
            raise self._damage(f"line {number}: {error}") from None

    def _check_head(self, number: int, last: str) -> None:
        """One line more than the head says is what a kill between the two leaves: it is signed and fits."""
        if not self._head.exists():
            if number > 1:
                raise self._damage("its head is gone")
            return
        try:
            head = self.trust.open(Signed.model_validate_json(self._head.read_bytes()), HEAD, Role.LOG, Head)
        except (ValidationError, Untrusted) as error:
            raise self._damage(f"its head cannot be believed: {error}") from None
        known = (head.number, head.last)
        before = self._lines()[-2] if number > 1 else ""
        if known not in {(number, last), (number - 1, sha256(before.encode()))}:
            raise self._damage(f"its head says {head.number} lines, there are {number}: some were cut off or changed")

    def _lines(self) -> list[str]:
        if not self.file.exists():
            return []
        text = self.file.read_text("utf-8")
        lines = text.split("\n")
        # A line without its end is what a kill in the middle of writing leaves: it was never acknowledged.
        return lines[:-1]

    @property
    def _head(self) -> Path:
        return self.file.with_suffix(".head")

    def _damage(self, what: str) -> UserError:
        return UserError(
            what=f"the audit log is damaged: {what}",
            where=str(self.file),
            fix="docs/runbooks/audit-log.md",
            code=ExitCode.FAIL,
        )

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.file.with_suffix(".lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            self._drop_unfinished()
            yield

    def _drop_unfinished(self) -> None:
        if self.file.exists():
            content = self.file.read_bytes()
            whole = content.rfind(b"\n") + 1
            if whole != len(content):
                with self.file.open("rb+") as stream:
                    stream.truncate(whole)


def as_json(entry: Entry) -> str:
    """An entry for machines."""
    return json.dumps(entry.model_dump(mode="json"))
