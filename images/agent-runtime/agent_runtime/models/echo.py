"""The echo model: says what it was told, after a set time. Tokens are words, so that counts are known beforehand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from datetime import timedelta

from agent_runtime.models.base import Completion, Finish, Prompt, Usage

_WORD = re.compile(r"\S+\s*")


class EchoProvider:
    """Repeats the last thing the user said, up to `max_tokens` words; thinking is waiting, never computing."""

    name = "echo"

    def __init__(self, think_time: timedelta) -> None:
        self._think_seconds = think_time.total_seconds()

    async def complete(self, prompt: Prompt) -> Completion:
        """The whole answer, after the think time."""
        words, finish = _answer(prompt)
        if self._think_seconds:
            await asyncio.sleep(self._think_seconds)
        return Completion(text="".join(words), finish=finish)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Finish, None]:
        """One word at a time; the think time is spread over them."""
        words, finish = _answer(prompt)
        pause = self._think_seconds / max(1, len(words))
        for word in words:
            # Also with no think time: others get their turn, as they would with a real model.
            await asyncio.sleep(pause)
            yield word
        yield finish

    async def aclose(self) -> None:
        """Nothing is held."""


def _answer(prompt: Prompt) -> tuple[list[str], Finish]:
    said = next((message.content for message in reversed(prompt.messages) if message.role == "user"), "")
    words = _WORD.findall(said)
    kept = words[: prompt.max_tokens]
    usage = Usage(
        input_tokens=sum(len(_WORD.findall(message.content)) for message in prompt.messages), output_tokens=len(kept)
    )
    return kept, Finish(reason="length" if len(kept) < len(words) else "stop", usage=usage)
