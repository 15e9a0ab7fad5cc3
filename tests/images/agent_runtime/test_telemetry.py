"""Metrics, logs and traces of the service."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import JsonValue

from agent_runtime.logs import JsonFormatter, fields
from agent_runtime.metrics import BUCKETS
from agent_runtime.service import Service, build
from agent_runtime.settings import Settings
from tests.images.agent_runtime.support import (
    BrokenProvider,
    HeldProvider,
    chat,
    client,
    has_sample,
    manifest,
    run,
    sample,
    service,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
AGENT = {"agent": "concierge", "tenant": "acme", "tier": "standard", "model": "echo-1"}


def served(built: Service) -> None:
    async def test() -> None:
        async with client(built) as asking:
            await asking.post("/v1/invoke", json={"input": "one two"})
            await asking.post("/v1/chat/completions", json=chat("one two three", stream=True))
            await asking.post("/v1/invoke", content=b"{")
            await asking.get("/healthz")

    run(test)


def test_requests_tokens_cost_errors_and_sessions_are_counted() -> None:
    built = service()
    assert sample(built, "agent_tokens_total", direction="input") == 0
    served(built)
    assert sample(built, "agent_requests_total", **AGENT, route="/v1/invoke", status="200") == 1
    assert sample(built, "agent_requests_total", **AGENT) == 3
    assert sample(built, "agent_tokens_total", **AGENT, direction="input") == 5
    assert sample(built, "agent_tokens_total", **AGENT, direction="output") == 5
    assert sample(built, "agent_cost_total", **AGENT, currency="EUR") == pytest.approx(5 * 8 / 1e6)
    assert sample(built, "agent_errors_total", **AGENT, type="invalid_json") == 1
    assert sample(built, "agent_active_sessions", **AGENT) == 1
    assert sample(built, "agent_requests_in_flight", **AGENT) == 0
    assert sample(built, "agent_request_duration_seconds_count", **AGENT) == 3
    assert sample(built, "agent_draining", **AGENT) == 0


def test_latency_buckets_stand_on_the_tiers_promises() -> None:
    assert {0.2, 1.0} <= set(BUCKETS)
    built = service({"thinkTime": "120ms"})
    served(built)
    assert sample(built, "agent_request_duration_seconds_bucket", route="/v1/chat/completions", le="0.1") == 0
    assert sample(built, "agent_model_seconds_sum", route="/v1/chat/completions") >= 0.11
    assert sample(built, "agent_overhead_seconds_sum", route="/v1/chat/completions") < 0.1


OPEN_METRICS = "application/openmetrics-text; version=1.0.0"


def exposed(accept: str, flags: str) -> tuple[str, str]:
    """The content type and the text of the metrics, after a request of a trace with these flags."""
    built = build(manifest(), Settings(), processor=SimpleSpanProcessor(InMemorySpanExporter()))
    found: list[tuple[str, str]] = []

    async def test() -> None:
        async with client(built) as asking:
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-{flags}"}
            await asking.post("/v1/invoke", json={"input": "x"}, headers=headers)
        transport = httpx.ASGITransport(built.metrics)
        async with httpx.AsyncClient(transport=transport, base_url="http://metrics") as asking:
            answer = await asking.get("/metrics", headers={"accept": accept})
            found.append((answer.headers["content-type"], answer.text))

    run(test)
    return found[0]


def test_a_traced_request_is_the_exemplar_of_its_bucket() -> None:
    kind, text = exposed(OPEN_METRICS, "01")
    assert kind.startswith("application/openmetrics-text")
    marked = [line for line in text.splitlines() if f'# {{trace_id="{TRACE}"}}' in line]
    assert len(marked) == 1
    assert marked[0].startswith("agent_request_duration_seconds_bucket{")


def test_an_id_that_leads_to_no_trace_is_no_exemplar() -> None:
    assert "# {" not in exposed(OPEN_METRICS, "00")[1]


def test_who_does_not_ask_for_open_metrics_gets_plain_text() -> None:
    kind, text = exposed("", "01")
    assert kind.startswith("text/plain")
    assert "# {" not in text


def test_an_answer_without_token_counts_is_not_counted_as_free() -> None:
    answers: list[JsonValue] = []
    held = HeldProvider(usage=None)
    held.release.set()
    built = build(manifest(), Settings(), provider=held)

    async def test() -> None:
        async with client(built) as asking:
            answers.append((await asking.post("/v1/invoke", json={"input": "x"})).json())

    run(test)
    assert sample(built, "agent_answers_without_usage_total") == 1
    assert isinstance(answers[0], dict)
    assert answers[0]["usage"] is None
    assert answers[0]["cost"] == {"amount": None, "currency": "EUR"}


def spans_of(headers: dict[str, str]) -> dict[str, ReadableSpan]:
    exporter = InMemorySpanExporter()
    built = build(manifest(), Settings(tenant="acme"), processor=SimpleSpanProcessor(exporter))

    async def test() -> None:
        async with client(built) as asking:
            await asking.post("/v1/invoke", json={"input": "one"}, headers=headers)

    run(test)
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_trace_goes_on_from_the_caller_through_the_model() -> None:
    spans = spans_of({"traceparent": f"00-{TRACE}-{PARENT}-01"})
    request, model = spans["POST /v1/invoke"], spans["chat echo-1"]
    assert format(request.context.trace_id, "032x") == TRACE
    assert request.parent is not None
    assert format(request.parent.span_id, "016x") == PARENT
    assert model.parent is not None
    assert model.parent.span_id == request.context.span_id
    assert request.attributes is not None
    assert request.attributes["groundwork.tenant"] == "acme"
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["gen_ai.usage.output_tokens"] == 1
    assert request.resource.attributes["service.name"] == "concierge"


def test_a_broken_traceparent_begins_a_new_trace() -> None:
    spans = spans_of({"traceparent": "00-zz-zz-01"})
    assert spans["POST /v1/invoke"].parent is None


def test_the_model_is_given_the_trace_even_where_nothing_is_exported() -> None:
    held = HeldProvider()
    held.release.set()

    async def test() -> None:
        async with client(build(manifest(), Settings(), provider=held)) as asking:
            await asking.post("/v1/invoke", json={"input": "x"}, headers={"traceparent": f"00-{TRACE}-{PARENT}-01"})

    run(test)
    assert held.prompts[0].headers["traceparent"].split("-")[1] == TRACE


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter({"agent": "concierge"}))
    logger = logging.getLogger("agent_runtime")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_each_request_is_one_line_with_its_ids_and_no_payload(lines: io.StringIO) -> None:
    async def test() -> None:
        async with client(service()) as asking:
            headers = {"X-Request-Id": "r-1", "traceparent": f"00-{TRACE}-{PARENT}-01"}
            await asking.post("/v1/invoke", json={"input": "sesame"}, headers=headers)
            await asking.get("/readyz")

    run(test)
    (line,) = lines.getvalue().splitlines()
    entry = json.loads(line)
    assert (entry["request_id"], entry["trace_id"], entry["status"]) == ("r-1", TRACE, 200)
    assert (entry["input_tokens"], entry["output_tokens"], entry["error"]) == (1, 1, None)
    assert "sesame" not in line


def test_an_exception_is_logged_with_its_place_and_without_its_message(lines: io.StringIO) -> None:
    async def test() -> None:
        async with client(build(manifest(), Settings(), provider=BrokenProvider())) as asking:
            await asking.post("/v1/invoke", json={"input": "sesame"})

    run(test)
    failed, request = map(json.loads, lines.getvalue().splitlines())
    assert failed["exception"] == "RuntimeError"
    assert "complete" in failed["frames"][-1]
    assert failed["request_id"] == request["request_id"]
    assert request["error"] == "internal"
    assert "sesame" not in lines.getvalue()


def test_a_log_line_stays_one_line(lines: io.StringIO) -> None:
    logging.getLogger("agent_runtime").warning("two\nlines \u2028 %s", "x", extra=fields(keys=["a"]))
    (line,) = lines.getvalue().split("\n")[:-1]
    assert json.loads(line)["keys"] == ["a"]


def test_failures_are_counted_from_zero() -> None:
    built = service()
    for route in ("/v1/invoke", "/v1/chat/completions"):
        for status in ("200", "500", "502", "503", "504"):
            assert has_sample(built, "agent_requests_total", **AGENT, route=route, status=status)
