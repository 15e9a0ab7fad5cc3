"""The HTTP interface, in process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import httpx
import pytest
from pydantic import JsonValue

from agent_runtime.service import build
from agent_runtime.settings import Settings, StartError
from tests.images.agent_runtime.support import (
    BrokenProvider,
    HeldProvider,
    chat,
    client,
    events,
    manifest,
    run,
    service,
)


def ask(
    path: str, body: JsonValue | bytes, model: Mapping[str, JsonValue] | None = None, **spec: JsonValue
) -> httpx.Response:
    answers: list[httpx.Response] = []

    async def test() -> None:
        async with client(service(model, **spec)) as asking:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            answers.append(await asking.post(path, content=content))

    run(test)
    return answers[0]


def test_invoke_answers_with_usage_cost_and_a_session() -> None:
    answer = ask("/v1/invoke", {"input": "hello there"}, instructions="Be kind always")
    assert answer.status_code == 200
    body = answer.json()
    assert body["output"] == "hello there"
    assert body["usage"] == {"input_tokens": 5, "output_tokens": 2}
    assert body["cost"] == {"amount": pytest.approx((5 * 2.0 + 2 * 6.0) / 1e6), "currency": "EUR"}
    assert len(body["session"]) >= 16


def test_a_session_carries_the_history_to_the_model() -> None:
    async def test() -> None:
        async with client(service()) as asking:
            first = (await asking.post("/v1/invoke", json={"input": "one two"})).json()
            second = (await asking.post("/v1/invoke", json={"input": "three", "session": first["session"]})).json()
        assert second["session"] == first["session"]
        assert second["usage"]["input_tokens"] == 2 + 2 + 1

    run(test)


def test_an_unknown_session_is_refused_and_costs_nothing() -> None:
    answer = ask("/v1/invoke", {"input": "hello", "session": "nobody"})
    assert answer.status_code == 404
    assert answer.json()["error"]["type"] == "session_not_found"


def test_chat_completion_has_the_openai_form() -> None:
    answer = ask("/v1/chat/completions", chat("good", "morning to you", model="echo-1", max_tokens=2, user="x"))
    assert answer.status_code == 200
    body = answer.json()
    assert body["object"] == "chat.completion"
    assert body["model"] == "echo-1"
    assert body["choices"] == [
        {"index": 0, "message": {"role": "assistant", "content": "morning to "}, "finish_reason": "length"}
    ]
    assert body["usage"] == {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}


def test_a_stream_gives_words_then_the_reason_then_usage_then_done() -> None:
    answer = ask("/v1/chat/completions", chat("one two three", stream=True))
    assert answer.headers["content-type"].startswith("text/event-stream")
    *chunks, done = events(answer.text)
    assert done == "[DONE]"
    *words, reason, usage = map(json.loads, chunks)
    assert [word["choices"][0]["delta"]["content"] for word in words] == ["one ", "two ", "three"]
    assert words[0]["choices"][0]["delta"]["role"] == "assistant"
    assert reason["choices"][0] == {"index": 0, "delta": {}, "finish_reason": "stop"}
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 6)
    assert {chunk["id"] for chunk in (*words, reason, usage)} == {reason["id"]}


def test_usage_is_left_out_of_a_stream_that_does_not_want_it() -> None:
    answer = ask("/v1/chat/completions", chat("one", stream=True, stream_options={"include_usage": False}))
    assert all("usage" not in json.loads(event) for event in events(answer.text)[:-1])


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/v1/invoke", b"{", 400, "invalid_json"),
        ("/v1/invoke", b"\xff", 400, "invalid_json"),
        ("/v1/invoke", [], 422, "invalid_request"),
        ("/v1/invoke", {}, 422, "invalid_request"),
        ("/v1/invoke", {"input": ""}, 422, "invalid_request"),
        ("/v1/invoke", {"input": 5}, 422, "invalid_request"),
        ("/v1/invoke", {"input": "x", "sesion": "y"}, 422, "invalid_request"),
        ("/v1/chat/completions", {"messages": []}, 422, "invalid_request"),
        ("/v1/chat/completions", {"messages": [{"role": "tool", "content": "x"}]}, 422, "invalid_request"),
        ("/v1/chat/completions", {"messages": [{"role": "system", "content": "x"}]}, 422, "invalid_request"),
        ("/v1/chat/completions", chat("x", tools=[{"type": "function"}]), 422, "invalid_request"),
        ("/v1/chat/completions", chat("x", n=2), 422, "invalid_request"),
        ("/v1/chat/completions", chat("x", max_tokens=0), 422, "invalid_request"),
        ("/v1/chat/completions", chat("x", model="other"), 404, "model_not_found"),
        ("/v1/elsewhere", {}, 404, "not_found"),
        ("/readyz", {}, 405, "method_not_allowed"),
    ],
)
def test_what_cannot_be_answered_gets_one_json_shape(path: str, body: JsonValue, status: int, kind: str) -> None:
    answer = ask(path, body)
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["type"] == kind
    assert error["message"]


def test_a_refusal_names_the_place_and_does_not_repeat_the_payload() -> None:
    answer = ask("/v1/chat/completions", {"messages": [{"role": "user", "content": {"private": "sesame"}}]})
    assert answer.json()["error"]["details"][0]["where"].startswith("messages.0.content")
    assert "sesame" not in answer.text


def test_a_request_that_is_too_long_is_refused() -> None:
    answer = ask("/v1/invoke", {"input": "x" * 2000}, limits={"requestBytes": "1Ki"})
    assert answer.status_code == 413
    assert "1024" in answer.json()["error"]["message"]


def test_more_at_a_time_than_allowed_are_told_to_wait_and_the_place_is_given_back() -> None:
    async def test() -> None:
        held = HeldProvider()
        built = build(manifest(limits={"concurrency": 1}), Settings(), provider=held)
        async with client(built) as asking:
            first = asyncio.create_task(asking.post("/v1/chat/completions", json=chat("x", stream=True)))
            await held.asked.wait()
            assert built.admission.in_flight == 1
            second = await asking.post("/v1/invoke", json={"input": "x"})
            held.release.set()
            assert (await first).status_code == 200
            third = await asking.post("/v1/invoke", json={"input": "x"})
        assert (second.status_code, second.headers["retry-after"]) == (429, "1")
        assert second.json()["error"]["type"] == "overloaded"
        assert third.status_code == 200
        assert built.admission.in_flight == 0

    run(test)


def test_more_a_minute_than_allowed_are_told_how_long_to_wait() -> None:
    async def test() -> None:
        async with client(service(limits={"requestsPerMinute": 2})) as asking:
            answers = [await asking.post("/v1/invoke", json={"input": "x"}) for _ in range(3)]
            probe = await asking.get("/readyz")
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json()["error"]["type"] == "rate_limited"
        assert 1 <= int(answers[2].headers["retry-after"]) <= 60
        assert probe.status_code == 200

    run(test)


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_is_too_slow_gives_504(stream: bool) -> None:
    async def test() -> None:
        held = HeldProvider()
        built = build(manifest({"timeout": "10ms"}), Settings(), provider=held)
        async with client(built) as asking:
            answer = await asking.post("/v1/chat/completions", json=chat("x", stream=stream))
        assert answer.status_code == 504
        assert answer.json()["error"]["type"] == "model_timeout"

    run(test)


def test_a_stream_whose_model_gets_too_slow_ends_in_an_error_event() -> None:
    answer = ask(
        "/v1/chat/completions",
        chat("one two three four", stream=True),
        model={"thinkTime": "400ms", "timeout": "250ms"},
    )
    assert answer.status_code == 200
    *_, last = events(answer.text)
    assert json.loads(last)["error"]["type"] == "model_timeout"
    assert "[DONE]" not in answer.text


def test_thinking_does_not_hold_up_others() -> None:
    async def test() -> None:
        async with client(service({"thinkTime": "200ms"})) as asking:
            begun = asyncio.get_running_loop().time()
            answers = await asyncio.gather(*(asking.post("/v1/invoke", json={"input": "x"}) for _ in range(20)))
            took = asyncio.get_running_loop().time() - begun
        assert [answer.status_code for answer in answers] == [200] * 20
        assert took < 20 * 0.2 / 2

    run(test)


def test_a_mistake_in_the_code_is_answered_without_its_message() -> None:
    async def test() -> None:
        async with client(build(manifest(), Settings(), provider=BrokenProvider())) as asking:
            answer = await asking.post("/v1/invoke", json={"input": "sesame"})
            again = await asking.get("/healthz")
        assert answer.status_code == 500
        assert answer.json()["error"]["type"] == "internal"
        assert "sesame" not in answer.text
        assert again.status_code == 200

    run(test)


def test_readiness_follows_the_drain_and_connections_are_asked_to_close() -> None:
    async def test() -> None:
        built = service()
        async with client(built) as asking:
            before = (await asking.get("/readyz")).status_code
            built.state.draining = True
            after = (await asking.get("/readyz")).status_code
            answer = await asking.post("/v1/invoke", json={"input": "x"})
            health = (await asking.get("/healthz")).status_code
        assert (before, after, health, answer.status_code) == (200, 503, 200, 200)
        assert answer.headers["connection"] == "close"

    run(test)


@pytest.mark.parametrize(("given", "kept"), [("abc-1", True), ("x" * 200, False), ("a\tb", False)])
def test_a_callers_request_id_is_kept_where_it_is_harmless(given: str, kept: bool) -> None:
    async def test() -> None:
        async with client(service()) as asking:
            answer = await asking.post("/v1/invoke", json={"input": "x"}, headers={"X-Request-Id": given})
        assert (answer.headers["x-request-id"] == given) is kept

    run(test)


def test_a_manifest_that_asks_for_redis_is_refused_at_start() -> None:
    with pytest.raises(StartError, match="allowed: local"):
        service(memory={"sessions": {"store": "redis"}})
