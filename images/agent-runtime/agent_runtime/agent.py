"""The agent: its instructions, its model, its sessions, and what its answers cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass

from opentelemetry.trace import Span

from agent_runtime.call import current_call
from agent_runtime.errors import ApiError, ErrorType
from agent_runtime.metrics import Metrics
from agent_runtime.models.base import Completion, Finish, Message, Prompt, Provider
from agent_runtime.sessions import SessionStore
from agent_runtime.tracing import Tracing, end
from components.agents.manifest import AgentManifest


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a caller may ask for: fewer tokens than the manifest allows, another temperature."""

    max_tokens: int | None = None
    temperature: float | None = None


class Agent:
    """Answers conversations. Every way of asking raises ApiError when there is no answer."""

    def __init__(self, manifest: AgentManifest, provider: Provider, metrics: Metrics, tracing: Tracing) -> None:
        self.name = manifest.name
        self.model = manifest.spec.model
        self.sessions = SessionStore(manifest.spec.memory.sessions.ttl)
        self._instructions = manifest.spec.instructions
        self._provider = provider
        self._metrics = metrics
        self._tracing = tracing
        self._timeout = self.model.timeout.total_seconds()

    async def complete(self, messages: Sequence[Message], wish: Wish) -> Completion:
        """The whole answer to a conversation, within the model's timeout."""
        with self._asking() as span:
            prompt = self._prompt(messages, wish, span)
            with current_call().model_time():
                async with asyncio.timeout(self._timeout):
                    completion = await self._provider.complete(prompt)
        self._account(completion.finish)
        return completion

    async def stream(self, messages: Sequence[Message], wish: Wish) -> AsyncGenerator[str | Finish, None]:
        """Pieces of the answer, then one Finish; the model's timeout is for the whole answer."""
        with self._asking() as span:
            call = current_call()
            deadline = asyncio.get_running_loop().time() + self._timeout
            async with aclosing(self._provider.stream(self._prompt(messages, wish, span))) as pieces:
                while True:
                    with call.model_time():
                        async with asyncio.timeout_at(deadline):
                            piece = await anext(pieces)
                    if isinstance(piece, Finish):
                        break
                    yield piece
        self._account(piece)
        yield piece

    async def converse(self, text: str, session_id: str | None) -> tuple[Completion, str]:
        """The answer within a session, and the session's id; None begins a session."""
        try:
            history = self.sessions.history(session_id) if session_id is not None else ()
        except KeyError:
            raise ApiError(
                type=ErrorType.SESSION_NOT_FOUND,
                message="the session is unknown to this replica or has expired; leave `session` out to begin one",
            ) from None
        question = Message("user", text)
        completion = await self.complete([*history, question], Wish())
        return completion, self.sessions.remember(session_id, question, Message("assistant", completion.text))

    def cost(self, finish: Finish) -> float:
        """What an answer cost, in the manifest's currency; 0 where the model gave no token counts."""
        if finish.usage is None:
            return 0.0
        price = self.model.price
        millionths = (
            finish.usage.input_tokens * price.input_per_million_tokens
            + finish.usage.output_tokens * price.output_per_million_tokens
        )
        return round(millionths / 1_000_000, 12)

    def _prompt(self, messages: Sequence[Message], wish: Wish, span: Span) -> Prompt:
        instructions = (Message("system", self._instructions),) if self._instructions else ()
        return Prompt(
            messages=(*instructions, *messages),
            max_tokens=min(wish.max_tokens or self.model.max_tokens, self.model.max_tokens),
            temperature=wish.temperature,
            headers=self._tracing.headers(span),
        )

    @contextmanager
    def _asking(self) -> Iterator[Span]:
        """The span of one question; the model's silence becomes an error for the caller."""
        span = self._tracing.model(current_call(), self._provider.name)
        error: ErrorType | None = ErrorType.INTERNAL
        try:
            yield span
            error = None
        except TimeoutError:
            error = ErrorType.MODEL_TIMEOUT
            raise ApiError(type=error, message=f"the model took longer than {self._timeout:g} s") from None
        except ApiError as caught:
            error = caught.type
            raise
        except (asyncio.CancelledError, GeneratorExit):
            error = ErrorType.DISCONNECTED
            raise
        finally:
            end(span, error)

    def _account(self, finish: Finish) -> None:
        if finish.usage is None:
            self._metrics.spent_unknown()
            return
        call = current_call()
        call.input_tokens += finish.usage.input_tokens
        call.output_tokens += finish.usage.output_tokens
        call.span.set_attribute("gen_ai.usage.input_tokens", finish.usage.input_tokens)
        call.span.set_attribute("gen_ai.usage.output_tokens", finish.usage.output_tokens)
        self._metrics.spent(finish.usage.input_tokens, finish.usage.output_tokens, self.cost(finish))
