"""What the demo tells: changes of one agent, each with how far it is to come and what is to stop it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from groundwork.errors import UserError
from promotion.machine import State
from promotion.settings import Move

DEV, STAGING, PROD = "local.demo-dev", "local.demo-staging", "local.demo-prod"
AUTHOR, APPROVER, PIPELINE = "alice", "bob", "ci"


@dataclass(frozen=True, kw_only=True)
class End:
    """How a change is to end: `state` of its last move, into `target`; `by`: the gate, approval or analysis."""

    target: str
    state: State
    by: str = ""

    def __str__(self) -> str:
        return f"{self.state} by {self.by}" if self.by else str(self.state)


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """`spec`: what is other than in guide.yaml, keys of keys too; `registry`: where the image is said to be from.

    `approver`: who approves each of its moves.
    """

    name: str
    title: str
    ends: End
    spec: Mapping[str, JsonValue] = field(default_factory=dict)
    registry: str | None = None
    approver: str = APPROVER

    def manifest(self, document: Mapping[str, JsonValue], images: Mapping[str, str]) -> dict[str, JsonValue]:
        """The agent's manifest with the change. `images`: name → by digest."""
        spec = _merged(document["spec"], self.spec)
        if self.registry is not None and isinstance(spec, dict):
            spec["image"] = f"{self.registry}@{images[str(spec['image'])].partition('@')[2]}"
        return {**document, "spec": spec}

    def moves(self, all_moves: Sequence[Move]) -> Sequence[Move]:
        """Those that it tries, the last of which is to end it."""
        targets = [move.target for move in all_moves]
        return all_moves[: targets.index(self.ends.target) + 1]

    def arrives(self, all_moves: Sequence[Move]) -> set[str]:
        """Where it is applied."""
        tried = [move.target for move in self.moves(all_moves)]
        return set(tried[:-1] if self.ends.state is State.REFUSED else tried)


CHAPTERS = (
    Chapter(
        name="change",
        title="A good change comes through dev and staging into prod, while callers ask",
        spec={"instructions": "You show guests the way. Be brief.", "model": {"thinkTime": "15ms"}},
        ends=End(target=PROD, state=State.PROMOTED),
    ),
    Chapter(
        name="own",
        title="An author approves her own change",
        spec={"instructions": "You show guests the way. Be very brief."},
        approver=AUTHOR,
        ends=End(target=DEV, state=State.REFUSED, by="approval"),
    ),
    Chapter(
        name="image",
        title="An image from a registry that nobody here knows",
        registry="docker.io/somebody/agent-runtime",
        ends=End(target=DEV, state=State.REFUSED, by="policy"),
    ),
    Chapter(
        name="slow",
        title="An agent that thinks for 0.8 s",
        spec={"model": {"thinkTime": "800ms"}},
        ends=End(target=STAGING, state=State.REFUSED, by="load"),
    ),
    Chapter(
        name="fragile",
        title="An agent with one pod alone",
        spec={"scaling": {"min": 1, "max": 1}},
        ends=End(target=PROD, state=State.REFUSED, by="resilience"),
    ),
    Chapter(
        name="failing",
        title="An agent that refuses long questions, which only prod's callers ask",
        spec={"limits": {"requestBytes": "4Ki"}},
        ends=End(target=PROD, state=State.ROLLED_BACK, by="analysis"),
    ),
)


def chosen(names: Sequence[str]) -> tuple[Chapter, ...]:
    """The chapters of these names, in their own order; all where none is named. Raises UserError."""
    known = [chapter.name for chapter in CHAPTERS]
    for name in names:
        if name not in known:
            raise UserError(what=f"there is no chapter {name!r}", allowed=", ".join(known))
    return tuple(chapter for chapter in CHAPTERS if not names or chapter.name in names)


def places(chapters: Iterable[Chapter], moves: Sequence[Move]) -> list[str]:
    """Where something is applied, in the order of the moves: what must be there first."""
    wanted = {place for chapter in chapters for place in chapter.arrives(moves)}
    return [move.target for move in moves if move.target in wanted]


def short(place: str) -> str:
    """`local.demo-dev` → `dev`."""
    return place.rpartition("demo-")[2]


def _merged(value: JsonValue, change: JsonValue | Mapping[str, JsonValue]) -> JsonValue:
    if isinstance(value, dict) and isinstance(change, Mapping):
        return {**value, **{key: _merged(value.get(key), each) for key, each in change.items()}}
    return dict(change) if isinstance(change, Mapping) else change
