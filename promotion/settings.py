"""promotion/promotion.yaml: from where to where bills may move, and what each move needs."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import model_validator

from components.documents import DocumentError, StrictModel, read_document, read_text
from components.problems import as_user_error
from components.units import Duration, Name, refusal
from groundwork.errors import UserError

CHECKOUT = "checkout"
HERE = Path(__file__).parent
Gate = Literal["policy", "preview", "rehearsal", "load", "resilience", "budget"]


class Move(StrictModel):
    """One way that bills go. `origin`: an environment, or `checkout` for a new bill.

    `gates`: gate → how old its evidence may be, measured in `origin`; for a new bill in the gate's own environment.
    `soak`: how long the bill has been in `origin`. `analysis`: the load plan that runs while and after it is applied.
    """

    origin: Name
    target: Name
    gates: dict[Gate, Duration]
    soak: Duration = timedelta(0)
    analysis: str

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
