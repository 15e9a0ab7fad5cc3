"""Conversations, kept in this process: gone with it, and bounded in number, length and age."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from agent_runtime.models.base import Message


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The most that is kept. Characters count what was said, on both sides."""

    sessions: int = 10_000
    messages_each: int = 40
    characters_each: int = 64 * 1024
    characters: int = 8 * 1024 * 1024


@dataclass
class _Session:
    used: float
    exchanges: list[tuple[Message, Message]] = field(default_factory=list)
    characters: int = 0


class SessionStore:
    """Histories by id; the least recently used go first. `ttl` runs from the last use; `clock` gives seconds."""

    def __init__(
        self, ttl: timedelta, bounds: Bounds | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ttl = ttl.total_seconds()
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._characters = 0

    def history(self, session_id: str) -> tuple[Message, ...]:
        """What was said, oldest first. Raises KeyError for a session that is unknown or has expired."""
        self._expire()
        session = self._sessions[session_id]
        self._touch(session_id, session)
        return tuple(message for exchange in session.exchanges for message in exchange)

    def remember(self, session_id: str | None, question: Message, answer: Message) -> str:
        """Add one exchange and give the session's id; None, or an id that has gone meanwhile, begins anew."""
        self._expire()
        session_id = session_id or secrets.token_urlsafe(16)
        session = self._sessions.setdefault(session_id, _Session(self._clock()))
        session.exchanges.append((question, answer))
        self._grow(session, len(question.content) + len(answer.content))
        self._touch(session_id, session)
        while (
            2 * len(session.exchanges) > self._bounds.messages_each or session.characters > self._bounds.characters_each
        ):
            old = session.exchanges.pop(0)
            self._grow(session, -len(old[0].content) - len(old[1].content))
        while len(self._sessions) > self._bounds.sessions or self._characters > self._bounds.characters:
            self._drop_oldest()
        return session_id

    def active(self) -> int:
        """How many sessions have not expired."""
        self._expire()
        return len(self._sessions)

    def _grow(self, session: _Session, characters: int) -> None:
        session.characters += characters
        self._characters += characters

    def _touch(self, session_id: str, session: _Session) -> None:
        session.used = self._clock()
        self._sessions.move_to_end(session_id)

    def _expire(self) -> None:
        now = self._clock()
        while self._sessions and now - next(iter(self._sessions.values())).used >= self._ttl:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._characters -= self._sessions.popitem(last=False)[1].characters
