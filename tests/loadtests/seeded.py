"""The agent runtime's server with a model that has one fault, or none, seeded into it.

    python -m tests.loadtests.seeded FAULT

The model thinks for some 40 ms, and holds one of a few sessions with its backend meanwhile. A process takes a while
before it can answer, and says so by its readiness.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncGenerator
from datetime import timedelta
from enum import StrEnum

from agent_runtime import logs
from agent_runtime.errors import ApiError, ErrorType
from agent_runtime.models.base import Completion, Finish, Prompt, Usage
from agent_runtime.server import serve
from agent_runtime.service import Service, build
from agent_runtime.settings import Settings
from components.agents.manifest import load_manifest

THINK_SECONDS, SPREAD, WARM_SECONDS = 0.04, 0.15, 1.0
SESSIONS, PATIENCE_SECONDS = 6, 2.0
SLOWER, ERROR_EVERY, LEAK_EVERY = 1.25, 100, 25
# Of who asks again and again: after so long, and so often.
GIVES_UP_SECONDS, ATTEMPTS = 0.042, 20


class Fault(StrEnum):
    """What is wrong with a build."""

    NONE = "unchanged"
    SLOWER = "25-percent-slower"
    ERRORS = "1-percent-errors"
    LEAK = "leak-of-sessions"
    STORM = "retry-storm"
    READINESS = "missing-readiness"


class Model:
    """See `Provider`. `warm`: it can answer."""

    name = "seeded"

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._sessions = asyncio.Semaphore(SESSIONS)
        self._chance = random.Random(os.getpid())  # noqa: S311
        self._asked = 0
        self._left: set[asyncio.Task[None]] = set()
        self.warm = False

    async def complete(self, prompt: Prompt) -> Completion:
        """Raises ApiError as a model would."""
        self._asked += 1
        number = self._asked
        if not self.warm:
            raise ApiError(type=ErrorType.MODEL_OVERLOADED, message="the model is not there yet")
        if self._fault is Fault.ERRORS and number % ERROR_EVERY == 0:
            raise ApiError(type=ErrorType.MODEL_ERROR, message="the model failed")
        if self._fault is Fault.STORM:
            await self._stubbornly()
        else:
            await self._ask(keep=self._fault is Fault.LEAK and number % LEAK_EVERY == 0)
        said = prompt.messages[-1].content
        return Completion(text=said, finish=Finish(reason="stop", usage=Usage(input_tokens=1, output_tokens=1)))

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Finish, None]:
        """In one piece."""
        done = await self.complete(prompt)
        yield done.text
        yield done.finish

    async def aclose(self) -> None:
        """Nothing is held."""

    async def _ask(self, *, keep: bool = False) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._sessions.acquire()
        except TimeoutError:
            raise ApiError(type=ErrorType.MODEL_TIMEOUT, message="the backend has no session free") from None
        try:
            slower = SLOWER if self._fault is Fault.SLOWER else 1.0
            await asyncio.sleep(THINK_SECONDS * self._chance.lognormvariate(0, SPREAD) * slower)
        finally:
            if not keep:
                self._sessions.release()

    async def _stubbornly(self) -> None:
        """Gives up early and asks again at once, while the backend still works on what was given up."""
        for _ in range(ATTEMPTS):
            task = asyncio.create_task(self._ask())
            self._left.add(task)
            task.add_done_callback(self._left.discard)
            done, _ = await asyncio.wait([task], timeout=GIVES_UP_SECONDS)
            if done:
                return task.result()
        raise ApiError(type=ErrorType.MODEL_TIMEOUT, message="the model does not answer")


async def _run(service: Service, model: Model, settings: Settings, drain: timedelta, *, honest: bool) -> None:
    """`honest`: not ready before it is warm, by the same word as when it leaves."""
    service.state.draining = honest

    def warm() -> None:
        model.warm = True
        service.state.draining = False

    asyncio.get_running_loop().call_later(WARM_SECONDS, warm)
    await serve(service, settings, drain)


def main(fault: Fault) -> None:
    """Serve as AGENT_* say, until told to stop."""
    logs.configure("info", {})
    settings = Settings.from_environment(os.environ)
    manifest = load_manifest(settings.manifest)
    model = Model(fault)
    service = build(manifest, settings, provider=model)
    asyncio.run(_run(service, model, settings, manifest.spec.drain, honest=fault is not Fault.READINESS))


if __name__ == "__main__":
    main(Fault(sys.argv[1]))
