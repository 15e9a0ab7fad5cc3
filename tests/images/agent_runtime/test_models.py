"""The two model providers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from agent_runtime.errors import ApiError, ErrorType
from agent_runtime.models import provider_for
from agent_runtime.models.base import Completion, Finish, Message, Prompt, Usage
from agent_runtime.models.echo import EchoProvider
from agent_runtime.models.openai import OpenAIProvider
from agent_runtime.service import build
from agent_runtime.settings import Settings, StartError
from components.agents.manifest import AgentManifest, OpenAIModel
from tests.images.agent_runtime.support import chat, client, events, manifest, run, sample, service

URL = "http://models.example.com/v1"
PROMPT = Prompt(messages=(Message("user", "hi you"),), max_tokens=9, headers={"traceparent": "00-a-b-01"})
KEY = "sk-sesame"


def openai_manifest(**model: JsonValue) -> AgentManifest:
    return manifest(
        {
            "provider": "openai",
            "name": "m-1",
            "baseUrl": URL,
            "apiKeyFrom": {"secret": "model-key", "key": "token"},
            **model,
        },
        egress=["models.example.com:80"],
    )


def openai(tmp_path: Path, answer: Callable[[httpx.Request], httpx.Response]) -> OpenAIProvider:
    model = openai_manifest(temperature=0.5).spec.model
    assert isinstance(model, OpenAIModel)
    key = tmp_path / "token"
    key.write_text(KEY + "\n")
    return OpenAIProvider(model, key, httpx.AsyncClient(transport=httpx.MockTransport(answer)))


def whole(provider: OpenAIProvider | EchoProvider, prompt: Prompt = PROMPT) -> Completion:
    return asyncio.run(provider.complete(prompt))


def pieces(provider: OpenAIProvider | EchoProvider, prompt: Prompt = PROMPT) -> list[str | Finish]:
    async def collect() -> list[str | Finish]:
        return [piece async for piece in provider.stream(prompt)]

    return asyncio.run(collect())


@given(said=st.text(max_size=200), limit=st.integers(1, 20))
def test_echo_is_the_same_whole_and_in_pieces_and_counts_words(said: str, limit: int) -> None:
    provider = EchoProvider(timedelta(0))
    prompt = Prompt(messages=(Message("system", "be kind"), Message("user", said)), max_tokens=limit)
    completion = whole(provider, prompt)
    *words, finish = pieces(provider, prompt)
    assert completion == whole(provider, prompt)
    assert "".join(word for word in words if isinstance(word, str)) == completion.text
    assert finish == completion.finish
    assert completion.text.split() == said.split()[:limit]
    assert completion.finish.usage == Usage(
        input_tokens=2 + len(said.split()), output_tokens=len(completion.text.split())
    )
    assert completion.finish.reason == ("length" if len(said.split()) > limit else "stop")


def test_openai_is_asked_with_the_key_the_trace_and_the_manifests_settings(tmp_path: Path) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
        choice = {"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
        return httpx.Response(200, json={"id": "x", "choices": [choice], "usage": usage})

    completion = whole(openai(tmp_path, answer))
    assert completion == Completion(
        text="hello", finish=Finish(reason="stop", usage=Usage(input_tokens=3, output_tokens=4))
    )
    (request,) = seen
    assert str(request.url) == f"{URL}/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["traceparent"] == "00-a-b-01"
    assert json.loads(request.content) == {
        "model": "m-1",
        "messages": [{"role": "user", "content": "hi you"}],
        "max_tokens": 9,
        "temperature": 0.5,
    }


def test_a_rotated_key_is_used_at_the_next_question(tmp_path: Path) -> None:
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["authorization"])
        return httpx.Response(200, json={"choices": [{"message": {"content": ""}}]})

    async def ask() -> None:
        provider = openai(tmp_path, answer)
        await provider.complete(PROMPT)
        (tmp_path / "token").write_text("sk-new")
        await provider.complete(PROMPT)

    asyncio.run(ask())
    assert keys == [f"Bearer {KEY}", "Bearer sk-new"]


STREAM = (
    ": a comment\n\n"
    'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n'
    'data: {"choices":[{"delta":{"content":"hel"}}]}\n\n'
    'data: {"choices":[{"delta":{"content":"lo"},"finish_reason":null}]}\n\n'
    'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
)


def test_a_stream_is_passed_on(tmp_path: Path) -> None:
    usage = 'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
    provider = openai(tmp_path, lambda _: httpx.Response(200, text=STREAM + usage))
    assert pieces(provider) == ["hel", "lo", Finish(reason="stop", usage=Usage(input_tokens=3, output_tokens=2))]


def test_a_stream_without_counts_says_so(tmp_path: Path) -> None:
    provider = openai(tmp_path, lambda _: httpx.Response(200, text=STREAM + "data: [DONE]\n\n"))
    assert pieces(provider)[-1] == Finish(reason="stop", usage=None)


@pytest.mark.parametrize("text", ['data: {"choices":[{"delta":{"content":"he"}}]}\n\n', "", "data: [DONE]\n\n"])
def test_a_stream_that_breaks_off_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ApiError, match="broke off"):
        pieces(openai(tmp_path, lambda _: httpx.Response(200, text=text)))


def refused(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda _: httpx.Response(401, text=f"bad key {KEY}"), ErrorType.MODEL_ERROR),
        (lambda _: httpx.Response(400, text="hi you is bad"), ErrorType.MODEL_REJECTED),
        (lambda _: httpx.Response(429, headers={"Retry-After": "7"}), ErrorType.MODEL_OVERLOADED),
        (lambda _: httpx.Response(500, text="oops"), ErrorType.MODEL_ERROR),
        (lambda _: httpx.Response(302, headers={"Location": "http://elsewhere.example"}), ErrorType.MODEL_ERROR),
        (lambda _: httpx.Response(200, text="<html>"), ErrorType.MODEL_ERROR),
        (lambda _: httpx.Response(200, json={"choices": []}), ErrorType.MODEL_ERROR),
        (refused(httpx.ConnectError("no")), ErrorType.MODEL_UNREACHABLE),
        (refused(httpx.ReadError("no")), ErrorType.MODEL_UNREACHABLE),
        (refused(httpx.ReadTimeout("no")), ErrorType.MODEL_TIMEOUT),
    ],
)
def test_a_model_that_does_not_answer_is_an_error_without_its_words(
    tmp_path: Path, answer: Callable[[httpx.Request], httpx.Response], kind: ErrorType
) -> None:
    with pytest.raises(ApiError) as caught:
        whole(openai(tmp_path, answer))
    assert caught.value.type == kind
    assert caught.value.retry_after == (7 if kind == ErrorType.MODEL_OVERLOADED else None)
    assert KEY not in str(caught.value.message)
    assert "hi you" not in caught.value.message


@pytest.mark.parametrize("content", [None, "", "two\nlines"])
def test_a_key_that_cannot_be_used_stops_the_start_and_names_the_file(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "model-key").mkdir()
        (tmp_path / "model-key" / "token").write_text(content)
    with pytest.raises(StartError, match="model-key/token"):
        provider_for(openai_manifest(), tmp_path)


def test_the_manifest_chooses_the_provider(tmp_path: Path) -> None:
    (tmp_path / "model-key").mkdir()
    (tmp_path / "model-key" / "token").write_text(KEY)
    assert provider_for(openai_manifest(), tmp_path).name == "openai"
    assert provider_for(manifest(), tmp_path).name == "echo"


@pytest.mark.parametrize("stream", [False, True])
def test_an_agent_can_be_another_agents_model(tmp_path: Path, stream: bool) -> None:
    echo = service({"name": "m-1"})
    model = openai_manifest().spec.model
    assert isinstance(model, OpenAIModel)
    (tmp_path / "token").write_text(KEY)

    async def test() -> None:
        asking = httpx.AsyncClient(transport=httpx.ASGITransport(echo.api))
        provider = OpenAIProvider(model, tmp_path / "token", asking)
        async with client(build(openai_manifest(), Settings(), provider=provider)) as caller:
            answer = await caller.post("/v1/chat/completions", json=chat("one two", stream=stream))
        if not stream:
            assert answer.json()["choices"][0]["message"]["content"] == "one two"
            return
        *chunks, _, _, done = events(answer.text)
        assert [json.loads(chunk)["choices"][0]["delta"]["content"] for chunk in chunks] == ["one ", "two"]
        assert done == "[DONE]"

    run(test)
    assert sample(echo, "agent_tokens_total", direction="output") == 2
