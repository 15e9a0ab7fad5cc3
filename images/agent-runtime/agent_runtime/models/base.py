"""What a model provider does: answer a conversation, whole or in pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Message:
    """One thing that was said."""

    role: Role
    content: str


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A question to a model. `headers` carry the trace; `temperature` None means the manifest's."""

    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens that a model counted."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, kw_only=True)
class Finish:
    """How an answer ended: `stop`, `length` or another reason of the model's. `usage` None: the model did not say."""

    reason: str
    usage: Usage | None


@dataclass(frozen=True, kw_only=True)
class Completion:
    """A whole answer."""

    text: str
    finish: Finish


class Provider(Protocol):
    """A model behind one interface. Both ways of asking raise ApiError when there is no answer."""

    name: str

    async def complete(self, prompt: Prompt) -> Completion:
        """The whole answer."""

    def stream(self, prompt: Prompt) -> AsyncGenerator[str | Finish, None]:
        """Pieces of the answer as they come, then one Finish."""

    async def aclose(self) -> None:
        """Let go of connections."""
