"""What an environment keeps of what it sees and whom it tells: setting `observability`.  (docs/observability.md)"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from components.documents import StrictModel
from components.observability.prices import Prices
from components.units import Bytes, Duration, Image, Url

_GIB = 2**30


class StoreSettings(StrictModel):
    """How long a store keeps what it has, and the most room that it may take."""

    retention: Duration
    storage: Bytes


class SamplingSettings(StrictModel):
    """Traces, in per cent. `head`: of requests that are traced at all, decided by the gateway; of those, all that
    failed or were slow (longer than `slow`) are kept, and `keep` of the rest.
    """

    head: Annotated[float, Field(ge=0, le=100)] = 10.0
    keep: Annotated[float, Field(ge=0, le=100)] = 100.0
    slow: Duration = timedelta(seconds=1)


class ObservabilitySettings(StrictModel):
    """Defaults fit one small machine. `storage_class`: None keeps data with the pod, and loses them with it.

    `grafana`, `tempo`: images by digest; without them these two are not declared. `webhook`: told of every alert.
    `prices`: what is used costs (docs/cost.md). `replicas`: of Prometheus, each with a store in another zone.
    """

    metrics: StoreSettings = StoreSettings(retention=timedelta(days=7), storage=2 * _GIB)
    logs: StoreSettings = StoreSettings(retention=timedelta(days=7), storage=2 * _GIB)
    traces: StoreSettings = StoreSettings(retention=timedelta(days=2), storage=1 * _GIB)
    scrape_interval: Duration = timedelta(seconds=30)
    sampling: SamplingSettings = SamplingSettings()
    storage_class: str | None = None
    replicas: Annotated[int, Field(ge=1, le=3)] = 1
    webhook: Url | None = None
    remote_write: Url | None = None
    prices: Prices | None = None
    grafana: Image | None = None
    tempo: Image | None = None
