"""The kinds of OpenSLO v1 that loadtests/slo.yaml is written in; what this project does not use is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from components.documents import StrictModel
from components.units import Duration, Name

Annotations = dict[str, str]


class Metadata(StrictModel):
    """What a document is called, and what OpenSLO has no field for."""

    name: Name
    display_name: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: Annotations = Field(default_factory=dict)


class Document(StrictModel):
    """What every kind begins with."""

    api_version: Literal["openslo/v1"]
    metadata: Metadata


class ServiceSpec(StrictModel):
    """What is promised something about."""

    description: str = ""


class Service(Document):
    """A named thing that objectives are of."""

    kind: Literal["Service"]
    spec: ServiceSpec


class Query(StrictModel):
    """A counter of Prometheus: name and matchers, with no function and no window."""

    query: Annotated[str, Field(pattern=r'^[a-z_]+\{([a-z_]+(=|!=|=~|!~)"[^"{}\\]*",?)*\}$')]


class MetricSource(StrictModel):
    """Where numbers come from."""

    type: Literal["Prometheus"]
    spec: Query


class Metric(StrictModel):
    """One side of a ratio."""

    metric_source: MetricSource


class RatioMetric(StrictModel):
    """Events: all, and the good or the bad ones of them."""

    counter: Literal[True]
    good: Metric | None = None
    bad: Metric | None = None
    total: Metric


class SLISpec(StrictModel):
    """How it is measured."""

    ratio_metric: RatioMetric


class SLI(Document):
    """A share of events that were good."""

    kind: Literal["SLI"]
    spec: SLISpec


class TimeWindow(StrictModel):
    """What a budget is for."""

    duration: Duration
    is_rolling: Literal[True]


class Objective(StrictModel):
    """`target`: the least share of good events. `op`, `value`: which are good, in seconds, where that is a time."""

    target: Annotated[float, Field(gt=0, lt=1)]
    op: Literal["lte"] | None = None
    value: Annotated[float, Field(gt=0)] | None = None


class SLOSpec(StrictModel):
    """A promise."""

    service: Name
    description: str
    indicator_ref: Name
    time_window: Annotated[list[TimeWindow], Field(min_length=1, max_length=1)]
    budgeting_method: Literal["Occurrences"]
    objectives: Annotated[list[Objective], Field(min_length=1, max_length=1)]
    alert_policies: Annotated[list[Name], Field(min_length=1, max_length=1)]


class SLO(Document):
    """An objective for an indicator; the label `tier` says whom it is for."""

    kind: Literal["SLO"]
    spec: SLOSpec


class ConditionRef(StrictModel):
    """A condition by name."""

    condition_ref: Name


class AlertPolicySpec(StrictModel):
    """When somebody is told."""

    alert_when_breaching: Literal[True]
    conditions: Annotated[list[ConditionRef], Field(min_length=1)]


class AlertPolicy(Document):
    """Conditions that belong together. Annotation `groundwork/min-failures`: fewer are no alert."""

    kind: Literal["AlertPolicy"]
    spec: AlertPolicySpec


class Condition(StrictModel):
    """The budget is spent `threshold` times as fast as would use it up exactly."""

    kind: Literal["burnrate"]
    op: Literal["gt"]
    threshold: Annotated[float, Field(gt=0)]
    lookback_window: Duration
    alert_after: Duration


class AlertConditionSpec(StrictModel):
    """Whom it wakes."""

    severity: Literal["page", "ticket"]
    condition: Condition


class AlertCondition(Document):
    """A burn rate over two windows. Annotation `groundwork/short-window`: it must hold over this one too."""

    kind: Literal["AlertCondition"]
    spec: AlertConditionSpec


KINDS: dict[str, type[Document]] = {each.__name__: each for each in (Service, SLI, SLO, AlertPolicy, AlertCondition)}
