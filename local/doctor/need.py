"""One thing this project needs of a machine, and how the machine stands to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from local.record import Way

ALL_WAYS = frozenset(Way)
HERE = frozenset({Way.REAL, Way.SIMULATED})
REAL = frozenset({Way.REAL})


class State(StrEnum):
    """`warn`: it works, or `up` sees to it, but it is worth knowing. `missing`: it stands in the way."""

    OK = "ok"
    WARN = "warn"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True)
class Need:
    """A need: what was seen, what to do, and which ways to have a cluster depend on it.

    `lasting`: nothing one does in a minute, so that another way is taken instead of asking for it.
    """

    group: str
    name: str
    state: State
    seen: str
    fix: str | None = None
    ways: frozenset[Way] = ALL_WAYS
    lasting: bool = False
