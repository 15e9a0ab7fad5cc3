"""Where bills, evidence, approvals and overrides are kept, with the journal of the move under way and the audit log."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from groundwork.errors import ExitCode, UserError
from groundwork.files import write_atomically
from groundwork.waiting import wait_until
from promotion.audit import Entry, Log
from promotion.bill import KIND, Bill, opened
from promotion.machine import State
from promotion.signing import Signed, Signer, Trust, Untrusted

PROMOTED, RESTORED, STAGE = "promoted", "restored", "stage"
WAIT_SECONDS = 3600.0


class Journal(BaseModel):
    """The move under way in an environment, or the last one; written before each step, so that a kill can be mended."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str
    bill: str
    previous: str | None
    by: str
    state: State
    at: AwareDatetime


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A bill came into an environment. `number`: from 1, in that environment; what `rollback --to` takes."""

    number: int
    bill: str
    at: datetime
    by: str
    event: str


@dataclass(frozen=True, kw_only=True)
class Office:
    """All of it in one folder. `clerk`: the audit log's own key."""

    folder: Path
    trust: Trust
    clerk: Signer

    @property
    def log(self) -> Log:
        """The audit log."""
        return Log(file=self.folder / "audit.jsonl", trust=self.trust)

    def record(self, now: datetime, event: str, by: str, environment: str, **data: str) -> Entry:
        """Add to the audit log."""
        return self.log.append(self.clerk, now, event, by, environment, **data)

    def keep(self, signed: Signed, *names: str) -> Path:
        """Keep a signed document: a bill, evidence, an approval, an override. A newer one takes its place."""
        file = self._file(signed.kind, *names)
        write_atomically(file, signed.model_dump_json(indent=1) + "\n")
        return file

    def find(self, kind: str, *names: str) -> Signed | None:
        """What was kept; None where there is nothing. What cannot be read is as if a stranger had signed it."""
        file = self._file(kind, *names)
        try:
            return Signed.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            return Signed(kind=kind, by="?", body="", signature="")

    def bill(self, digest: str) -> tuple[Bill, str]:
        """A bill by its digest, `last` or the digest's first digits; and who signed it. Raises UserError."""
        known = {f"sha256:{file.stem}": file for file in sorted((self.folder / KIND).glob("*.json"), key=_age)}
        wanted = digest if digest.startswith("sha256:") else f"sha256:{digest}"
        names = list(known)[-1:] if digest == "last" else [name for name in known if name.startswith(wanted)]
        if len(names) != 1:
            shown = ", ".join(name[:19] for name in list(known)[-5:])
            raise UserError(
                what=f"there is no one bill {digest!r}", allowed=shown or "none", fix="groundwork bill create"
            )
        signed = self.find(KIND, names[0].removeprefix("sha256:"))
        try:
            if signed is None:
                raise Untrusted("it is gone")
            bill = opened(self.trust, signed)
            if bill.digest != names[0]:
                raise Untrusted("it is not the bill that its name says")
        except Untrusted as error:
            raise UserError(what=f"bill {names[0][:19]}: {error}", code=ExitCode.FAIL) from None
        return bill, signed.by

    def signed(self, digest: str) -> Signed:
        """A bill as it was signed, by its whole digest. Raises UserError where it is gone."""
        found = self.find(KIND, digest.removeprefix("sha256:"))
        if found is None:
            raise UserError(what=f"bill {digest[:19]} is gone", where=str(self.folder / KIND), code=ExitCode.FAIL)
        return found

    def arrivals(self, environment: str) -> list[Arrival]:
        """All bills that came into an environment, oldest first, from the verified audit log. Raises UserError."""
        entries = [
            entry
            for entry in self.log.entries()
            if entry.environment == environment and entry.event in {PROMOTED, RESTORED}
        ]
        return [
            Arrival(number=number, bill=entry.data["bill"], at=entry.at, by=entry.by, event=entry.event)
            for number, entry in enumerate(entries, 1)
        ]

    def journal(self, environment: str) -> Journal | None:
        """The move under way or the last one. Raises UserError where it cannot be read: then nothing may be moved."""
        file = self.folder / f"{environment}.move.json"
        try:
            return Journal.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError:
            raise UserError(what="the journal cannot be read", where=str(file), code=ExitCode.ERROR) from None

    def write(self, journal: Journal) -> None:
        """Remember a step before it is taken."""
        write_atomically(self.folder / f"{journal.environment}.move.json", journal.model_dump_json(indent=1) + "\n")

    @contextmanager
    def turn(self, environment: str, waiting: Callable[[], None], seconds: float = WAIT_SECONDS) -> Iterator[None]:
        """One move at a time in an environment: who comes second waits. The kernel frees it when a process dies.

        Raises UserError after `seconds`.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.folder / f"{environment}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not _locked(descriptor):
                waiting()
                began = time.monotonic()
                if not wait_until(lambda: _locked(descriptor), seconds):
                    waited = time.monotonic() - began
                    raise UserError(
                        what=f"another move into {environment} still runs after {waited:.0f} s", code=ExitCode.ERROR
                    )
            yield
        finally:
            os.close(descriptor)

    def _file(self, kind: str, *names: str) -> Path:
        return self.folder / kind / ("+".join(name.removeprefix("sha256:") for name in names) + ".json")


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _age(file: Path) -> tuple[int, str]:
    return file.stat().st_mtime_ns, file.name
