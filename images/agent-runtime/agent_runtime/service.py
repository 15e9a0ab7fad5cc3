"""One agent's service, put together from its manifest and settings."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.sdk.trace import SpanProcessor
from starlette.applications import Starlette
from starlette.middleware import Middleware

from agent_runtime.agent import Agent
from agent_runtime.api import Api, api_app, metrics_app
from agent_runtime.limits import Admission
from agent_runtime.metrics import Labels, Metrics
from agent_runtime.models import provider_for
from agent_runtime.models.base import Provider
from agent_runtime.observed import Observed
from agent_runtime.settings import Settings, StartError
from agent_runtime.state import State
from agent_runtime.tracing import Tracing
from components.agents.manifest import AgentManifest


@dataclass(frozen=True, kw_only=True)
class Service:
    """Two applications and what is behind them. `admission.in_flight` counts the requests being served."""

    api: Starlette
    metrics: Starlette
    state: State
    admission: Admission
    provider: Provider
    tracing: Tracing


def build(
    manifest: AgentManifest,
    settings: Settings,
    *,
    processor: SpanProcessor | None = None,
    provider: Provider | None = None,
) -> Service:
    """The service of one agent; nothing listens yet. Raises StartError for what this runtime cannot do."""
    if manifest.spec.memory.sessions.store == "redis":
        raise StartError("spec.memory.sessions.store: this runtime keeps sessions itself; allowed: local")
    spec = manifest.spec
    labels = Labels(agent=manifest.name, tenant=settings.tenant, tier=spec.tier, model=spec.model.name)
    metrics = Metrics(labels, spec.model.price.currency)
    tracing = Tracing(labels, processor)
    provider = provider or provider_for(manifest, settings.secrets)
    agent = Agent(manifest, provider, metrics, tracing)
    admission = Admission(spec.limits.concurrency, spec.limits.requests_per_minute)
    state = State()
    metrics.watch(lambda: admission.in_flight, agent.sessions.active, lambda: state.draining)
    observed = Middleware(Observed, admission=admission, metrics=metrics, tracing=tracing, state=state)
    return Service(
        api=api_app(Api(agent, state, spec.limits.request_bytes), observed),
        metrics=metrics_app(metrics),
        state=state,
        admission=admission,
        provider=provider,
        tracing=tracing,
    )
