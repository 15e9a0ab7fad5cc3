"""Exceptions from policies: each with a reason, an owner and a day on which it ends.  (policies/exceptions.yaml)"""

from __future__ import annotations

import datetime as dt
import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from groundwork.errors import UserError

FILE = Path(__file__).parent / "exceptions.yaml"


class PolicyException(BaseModel):
    """Resources that policies let pass. `policy`, `resource`: patterns as a shell's, of ids and URNs.

    `expires`: the last day. `needed_in`: the environments in which it must match something, as it could go otherwise.
    `sometimes`: needed on some ways of bringing an environment up only, so that it may match nothing on the others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: Annotated[str, Field(min_length=1)]
    resource: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=10)]
    owner: Annotated[str, Field(min_length=1)]
    expires: dt.date
    needed_in: tuple[str, ...] = ("local",)
    sometimes: bool = False

    def covers(self, policy: str, urn: str) -> bool:
        """Whether this lets the resource pass, the day aside."""
        return fnmatch.fnmatchcase(policy, self.policy) and fnmatch.fnmatchcase(urn, self.resource)

    def __str__(self) -> str:
        return f"{self.policy} for {self.resource} (until {self.expires}, {self.owner})"


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    exceptions: tuple[PolicyException, ...]


@dataclass(frozen=True, kw_only=True)
class Exceptions:
    """All exceptions, as they stand on a day."""

    listed: tuple[PolicyException, ...]
    today: dt.date

    @classmethod
    def read(cls, file: Path = FILE, today: dt.date | None = None) -> Exceptions:
        """The exceptions of a file. Raises UserError."""
        try:
            listed = _File.model_validate(yaml.safe_load(file.read_text("utf-8"))).exceptions
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise UserError(
                what=str(error),
                where=file.name,
                allowed="exceptions: a list with policy, resource, reason, owner and expires (a day)",
                fix="mend the file (docs/policies.md)",
            ) from None
        return cls(listed=listed, today=today or dt.datetime.now(dt.UTC).date())

    def allow(self, policy: str, urn: str) -> bool:
        """Whether an exception that has not expired lets the resource pass."""
        return any(each.covers(policy, urn) and each not in self.expired for each in self.listed)

    @property
    def expired(self) -> tuple[PolicyException, ...]:
        """Those whose last day is over."""
        return tuple(each for each in self.listed if each.expires < self.today)

    def unmatched(self, breaches: Iterable[tuple[str, str]], environment: str) -> tuple[PolicyException, ...]:
        """Those that cover none of an environment's breaches (policy, URN) found without any exception: they can go."""
        found = tuple(breaches)
        needed = (each for each in self.listed if not each.sometimes and environment in each.needed_in)
        return tuple(each for each in needed if not any(each.covers(*breach) for breach in found))
