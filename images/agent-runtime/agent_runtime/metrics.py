"""Prometheus metrics of one agent of one tenant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from agent_runtime.call import API, Call
from agent_runtime.errors import STATUS, ErrorType

# Seconds; close together around the tiers' promises, 200 ms and 1 s.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 0.75, 0.9, 1.0, 1.1, 1.5, 2.5, 5.0, 10.0, 30.0)

# Of requests that a promise counts: answered, or failed in one of the ways that docs/agent-runtime.md names.
STATUSES = ("200", "500", "502", "503", "504")
# Errors that are not the caller's own, which alerts are about.
KINDS = (ErrorType.OVERLOADED, *(kind for kind, status in STATUS.items() if status >= 500))


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What every series is labelled with."""

    agent: str
    tenant: str
    tier: str
    model: str


class Metrics:
    """The agent's series, in a registry of their own. Times are seconds; cost is in the manifest's currency."""

    def __init__(self, labels: Labels, currency: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._common = {"agent": labels.agent, "tenant": labels.tenant, "tier": labels.tier, "model": labels.model}
        self._requests = self._counter("agent_requests", "Requests answered", "route", "status")
        self._errors = self._counter("agent_errors", "Requests that ended in an error", "route", "type")
        self._tokens = self._counter("agent_tokens", "Tokens read and written by the model", "direction")
        self._cost = self._counter("agent_cost", "What the model's tokens cost", "currency")
        self._uncounted = self._counter("agent_answers_without_usage", "Answers whose model gave no token counts")
        self._duration = self._histogram("agent_request_duration_seconds", "From the request to its answer's end")
        self._first = self._histogram("agent_first_byte_seconds", "From the request to its answer's beginning")
        self._model = self._histogram("agent_model_seconds", "Time spent waiting for the model")
        self._overhead = self._histogram(
            "agent_overhead_seconds", "From the request to its answer's beginning, without the model's time"
        )
        self._in_flight = self._gauge("agent_requests_in_flight", "Requests being served")
        self._sessions = self._gauge("agent_active_sessions", "Sessions that have not expired")
        self._draining = self._gauge("agent_draining", "1 while the service is shutting down")
        self._currency = currency
        self._start_at_zero()

    def finished(self, call: Call) -> None:
        """Record one request that has ended, whichever way."""
        self._requests.labels(**self._common, route=call.route, status=str(call.status or 0)).inc()
        if call.error is not None:
            self._errors.labels(**self._common, route=call.route, type=call.error.value).inc()

    def timed(self, call: Call, seconds: float) -> None:
        """Record how long an accepted request took in all; the trace that is kept of it is its exemplar."""
        exemplar = {"trace_id": call.trace_id} if call.sampled else None
        self._duration.labels(**self._common, route=call.route).observe(seconds, exemplar)
        if call.model_seconds:
            self._model.labels(**self._common, route=call.route).observe(call.model_seconds)
        if call.first_byte_seconds is not None and call.overhead_seconds is not None:
            self._first.labels(**self._common, route=call.route).observe(call.first_byte_seconds)
            self._overhead.labels(**self._common, route=call.route).observe(call.overhead_seconds)

    def spent(self, input_tokens: int, output_tokens: int, cost: float) -> None:
        """Record what an answer used."""
        self._tokens.labels(**self._common, direction="input").inc(input_tokens)
        self._tokens.labels(**self._common, direction="output").inc(output_tokens)
        self._cost.labels(**self._common, currency=self._currency).inc(cost)

    def spent_unknown(self) -> None:
        """Record an answer whose cost is not known."""
        self._uncounted.labels(**self._common).inc()

    def watch(
        self, in_flight: Callable[[], float], sessions: Callable[[], float], draining: Callable[[], bool]
    ) -> None:
        """Read these when the metrics are asked for."""
        self._in_flight.labels(**self._common).set_function(in_flight)
        self._sessions.labels(**self._common).set_function(sessions)
        self._draining.labels(**self._common).set_function(lambda: float(draining()))

    def text(self, accept: str = "") -> tuple[bytes, str]:
        """Everything and its content type: OpenMetrics, which alone has exemplars, where `accept` asks for it."""
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type

    def _start_at_zero(self) -> None:
        """Without this a rate over the first request is unknown rather than right, and so is one over first failures:
        a burst that begins and ends between two scrapes would never have been.
        """
        for route in API:
            for status in STATUSES:
                self._requests.labels(**self._common, route=route, status=status)
            for kind in KINDS:
                self._errors.labels(**self._common, route=route, type=kind.value)
        self.spent(0, 0, 0.0)
        self._uncounted.labels(**self._common)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, [*self._common, *labels], registry=self.registry)

    def _gauge(self, name: str, documentation: str) -> Gauge:
        return Gauge(name, documentation, [*self._common], registry=self.registry)

    def _histogram(self, name: str, documentation: str) -> Histogram:
        return Histogram(name, documentation, [*self._common, "route"], buckets=BUCKETS, registry=self.registry)
