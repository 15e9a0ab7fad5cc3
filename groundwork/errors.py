"""Errors for people, and the exit codes that every command of this project uses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means."""

    PASS = 0
    ERROR = 1
    USAGE = 2
    INCONCLUSIVE = 98
    FAIL = 99


@dataclass(kw_only=True)
class UserError(Exception):
    """Something the user can mend: what is wrong, where, what is allowed and what to do.

    Raised instead of a traceback; the command line prints it and exits with `code`.
    """

    what: str
    where: str | None = None
    allowed: str | None = None
    fix: str | None = None
    code: ExitCode = ExitCode.USAGE

    def __str__(self) -> str:
        rows = [self.what if self.where is None else f"{self.where}: {self.what}"]
        if self.allowed is not None:
            rows.append(f"allowed: {self.allowed}")
        if self.fix is not None:
            rows.append(f"fix: {self.fix}")
        return "\n".join(rows)
