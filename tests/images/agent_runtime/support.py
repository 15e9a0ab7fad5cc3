"""What the runtime's tests share: manifests, a service in this process, and a way to ask it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import httpx
from prometheus_client.parser import text_string_to_metric_families
from pydantic import JsonValue

from agent_runtime.models.base import Completion, Finish, Prompt, Usage
from agent_runtime.service import Service, build
from agent_runtime.settings import Settings
from components.agents.manifest import AgentManifest, parse_manifest

PRICE: dict[str, JsonValue] = {"inputPerMillionTokens": 2.0, "outputPerMillionTokens": 6.0, "currency": "EUR"}
ONE_EACH = Usage(input_tokens=1, output_tokens=1)


def manifest(model: Mapping[str, JsonValue] | None = None, **spec: JsonValue) -> AgentManifest:
    """An agent called concierge; `model` and `spec` are written over an echo agent."""
    document = {
        "apiVersion": "groundwork/v1",
        "kind": "Agent",
        "metadata": {"name": "concierge"},
        "spec": {"image": "agent-runtime", "model": {"provider": "echo", "price": PRICE, **(model or {})}, **spec},
    }
    return parse_manifest(json.dumps(document))


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run one asynchronous test, for at most ten seconds."""

    async def bounded() -> None:
        async with asyncio.timeout(10):
            await test()

    asyncio.run(bounded())


@asynccontextmanager
async def client(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the service's API without a network."""
    transport = httpx.ASGITransport(service.api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://agent") as asking:
        yield asking


def service(model: Mapping[str, JsonValue] | None = None, **spec: JsonValue) -> Service:
    """A service of tenant acme."""
    return build(manifest(model, **spec), Settings(tenant="acme"))


def chat(*said: str, **more: JsonValue) -> dict[str, JsonValue]:
    """A chat completions request in which the user says all of it."""
    return {"messages": [{"role": "user", "content": text} for text in said], **more}


def events(body: str) -> list[str]:
    """What stands in a stream's events, in order."""
    return [line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ")]


def sample(service: Service, name: str, **labels: str) -> float:
    """The sum of a metric's samples that have these labels."""
    return sum(_samples(service, name, labels))


def has_sample(service: Service, name: str, **labels: str) -> bool:
    """Whether there is one, also of 0."""
    return bool(_samples(service, name, labels))


def _samples(service: Service, name: str, labels: Mapping[str, str]) -> list[float]:
    async def text() -> str:
        transport = httpx.ASGITransport(service.metrics)
        async with httpx.AsyncClient(transport=transport, base_url="http://agent") as asking:
            return (await asking.get("/metrics")).text

    families = text_string_to_metric_families(asyncio.run(text()))
    samples = [each for family in families for each in family.samples if each.name == name]
    return [each.value for each in samples if labels.items() <= each.labels.items()]


class HeldProvider:
    """A model that answers when the test lets it; `asked` is set once a question has come in."""

    name = "held"

    def __init__(self, usage: Usage | None = ONE_EACH) -> None:
        self._usage = usage
        self.asked = asyncio.Event()
        self.release = asyncio.Event()
        self.prompts: list[Prompt] = []

    async def complete(self, prompt: Prompt) -> Completion:
        """`done`, once released."""
        self.prompts.append(prompt)
        self.asked.set()
        await self.release.wait()
        return Completion(text="done", finish=Finish(reason="stop", usage=self._usage))

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Finish, None]:
        """The same in one piece."""
        completion = await self.complete(prompt)
        yield completion.text
        yield completion.finish

    async def aclose(self) -> None:
        """Nothing is held."""


class BrokenProvider(HeldProvider):
    """A model whose code has a mistake; what it was asked stands in the exception's message."""

    async def complete(self, prompt: Prompt) -> Completion:
        """Fails."""
        raise RuntimeError(prompt.messages[-1].content)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[str | Finish, None]:
        """Fails after the first piece."""
        yield "one "
        raise RuntimeError(prompt.messages[-1].content)
