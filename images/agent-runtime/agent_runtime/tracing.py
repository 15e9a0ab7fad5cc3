"""OpenTelemetry traces: W3C trace context in and out; spans leave the process only where an address is given."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from agent_runtime.call import Call
from agent_runtime.metrics import Labels

Attribute = str | int | float | bool
# For one batch, tries again included: a collector that is away must not hold up a pod that leaves.
_EXPORT_SECONDS = 2


class Tracing:
    """Spans of one agent. With no processor every request still has a trace id, for logs and for the model's side."""

    def __init__(self, labels: Labels, processor: SpanProcessor | None) -> None:
        resource = Resource.create(
            {
                "service.name": labels.agent,
                "service.namespace": labels.tenant,
                "groundwork.tenant": labels.tenant,
                "groundwork.tier": labels.tier,
            }
        )
        # The sampler of an exporting provider is the environment's (OTEL_TRACES_SAMPLER).
        self._provider = TracerProvider(resource=resource, sampler=None if processor else ALWAYS_OFF)
        if processor is not None:
            self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("agent_runtime")
        self._propagator = TraceContextTextMapPropagator()
        self._labels = labels

    def request(self, method: str, route: str, headers: Mapping[str, str]) -> Span:
        """A server span; the parent is the caller's, where its headers name one."""
        return self._tracer.start_span(
            f"{method} {route}",
            context=self._propagator.extract(headers),
            kind=SpanKind.SERVER,
            attributes={
                "http.request.method": method,
                "http.route": route,
                "groundwork.tenant": self._labels.tenant,
                "gen_ai.agent.name": self._labels.agent,
            },
        )

    def model(self, call: Call, provider: str) -> Span:
        """A client span for one question to the model."""
        return self._tracer.start_span(
            f"chat {self._labels.model}",
            context=set_span_in_context(call.span),
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": provider,
                "gen_ai.request.model": self._labels.model,
                "groundwork.tenant": self._labels.tenant,
            },
        )

    def headers(self, span: Span) -> dict[str, str]:
        """The headers that carry `span` to the next service."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, set_span_in_context(span))
        return carrier

    def shutdown(self) -> None:
        """Send what is left; where nobody takes it, give up after some seconds."""
        self._provider.shutdown()


def end(span: Span, error: str | None = None, **attributes: Attribute) -> None:
    """End a span; `error` is an error's type."""
    for name, value in attributes.items():
        span.set_attribute(name.replace("__", "."), value)
    if error is not None:
        span.set_attribute("error.type", error)
        span.set_status(StatusCode.ERROR)
    span.end()


def exporter() -> SpanProcessor:
    """Sends spans over OTLP/HTTP to where the OTEL_EXPORTER_OTLP_* variables say."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return BatchSpanProcessor(OTLPSpanExporter(timeout=_EXPORT_SECONDS))
