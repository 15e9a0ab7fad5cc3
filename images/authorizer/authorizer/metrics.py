"""Prometheus metrics of the authorizer. Times are seconds."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from authorizer.decision import Judged

BUCKETS = (0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """The authorizer's series, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._decisions = Counter(
            "authorizer_decisions", "Requests decided about", ["tenant", "reason"], registry=self.registry
        )
        self._uses = Counter(
            "authorizer_key_uses", "Requests let through with an API key", ["tenant", "key"], registry=self.registry
        )
        self._seconds = Histogram(
            "authorizer_decision_seconds", "From the question to the answer", buckets=BUCKETS, registry=self.registry
        )
        self._age = Gauge(
            "authorizer_knowledge_age_seconds", "Since the API server was last heard of", registry=self.registry
        )
        self._known = Gauge("authorizer_known", "Objects that are known", ["kind"], registry=self.registry)

    def decided(self, judged: Judged, seconds: float) -> None:
        """Record one decision."""
        self._seconds.observe(seconds)
        self._decisions.labels(tenant=judged.tenant_name, reason=judged.decision.reason).inc()
        if judged.decision.allow and judged.key is not None:
            self._uses.labels(tenant=judged.tenant_name, key=judged.key.metadata.name).inc()

    def watch(self, age: Callable[[], float], count: Callable[[], tuple[int, int]]) -> None:
        """Read these when the metrics are asked for."""
        self._age.set_function(age)
        self._known.labels(kind="tenant").set_function(lambda: count()[0])
        self._known.labels(kind="key").set_function(lambda: count()[1])
