"""promotion/promotion.yaml: from where to where bills may move, and what each move needs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from components.documents import DocumentError, StrictModel, read_document, read_text
from components.problems import as_user_error
from components.units import Duration, Name, refusal
from groundwork.errors import UserError
from loadtests.limits import Limit, Rule, parse

CHECKOUT = "checkout"
HERE = Path(__file__).parent
Gate = Literal["policy", "preview", "rehearsal", "load", "resilience", "budget"]


def _place(value: str) -> str:
    try:
        for part in value.split(".", 1):
            TypeAdapter[str](Name).validate_python(part)
    except ValidationError:
        raise refusal(f"{value!r} is no environment and no tenant of one", "local, or local.acme") from None
    return value


# An environment, or one tenant of it, as their stacks are called.
Place = Annotated[str, AfterValidator(_place)]


class Shift(StrictModel):
    """How requests go from one bill to the next.

    `percents`: what the new one gets, one after the other, before it gets all. `hold`: for how long each is watched;
    `limits`: what callers may notice in that time, in the grammar of load plans (docs/load.md).
    """

    percents: Annotated[tuple[Annotated[int, Field(ge=1, le=99)], ...], Field(min_length=1)] = (10, 50)
    hold: Duration = timedelta(seconds=10)
    limits: dict[str, tuple[Limit, ...]] = Field(
        default={
            "errors": (Limit.model_validate({"limit": "rate < 2%", "minSamples": 50}),),
            "latency{tier:standard}": (Limit.model_validate({"limit": "p(95) < 1s", "minSamples": 40}),),
        },
        min_length=1,
    )

    @property
    def rules(self) -> list[Rule]:
        """The limits, understood."""
        return [parse(metric, limit) for metric, limits in self.limits.items() for limit in limits]

    @model_validator(mode="after")
    def _holds_together(self) -> Shift:
        if list(self.percents) != sorted(set(self.percents)):
            raise refusal("percents do not rise", "each above the one before")
        if not timedelta(seconds=1) <= self.hold <= timedelta(hours=1):
            raise refusal("hold is too short or too long", "1s to 1h")
        for metric, limits in self.limits.items():
            for limit in limits:
                parse(metric, limit)
        return self


class Move(StrictModel):
    """One way that bills go. `origin`, `target`: an environment, or one tenant of it; `checkout` for a new bill.

    `gates`: gate → how old its evidence may be, measured in `origin`; for a new bill in the gate's own environment.
    `soak`: how long the bill has been in `origin`. `analysis`: the load plan that runs while and after it is applied.
    `shift`: how its agents get the requests; null: at once, each agent's pods one after the other.
    """

    origin: Place
    target: Place
    gates: dict[Gate, Duration]
    soak: Duration = timedelta(0)
    analysis: str
    shift: Shift | None = Shift()

    @model_validator(mode="after")
    def _needs_something(self) -> Move:
        if not self.gates:
            raise refusal("a move without a gate", "at least one gate")
        if self.origin == self.target:
            raise refusal("a move to where it is", "another target")
        return self


class Moves(StrictModel):
    """All moves."""

    moves: tuple[Move, ...]

    def find(self, origin: str, target: str) -> Move:
        """Raises UserError where bills may not go this way."""
        found = next((move for move in self.moves if (move.origin, move.target) == (origin, target)), None)
        if found is None:
            known = ", ".join(f"{move.origin} {move.target}" for move in self.moves)
            raise UserError(
                what=f"nothing moves from {origin} to {target}", allowed=known, fix="promotion/promotion.yaml"
            )
        return found

    def to(self, target: str) -> Move:
        """The first move that ends in an environment. Raises UserError."""
        found = next((move for move in self.moves if move.target == target), None)
        if found is None:
            known = ", ".join(sorted({move.target for move in self.moves}))
            raise UserError(what=f"nothing moves to {target}", allowed=known, fix="promotion/promotion.yaml")
        return found


def read_moves(file: Path = HERE / "promotion.yaml") -> Moves:
    """Raises UserError."""
    try:
        return read_document(Moves, read_text(file, file.name), file.name)
    except DocumentError as error:
        raise as_user_error(error) from None
