"""How alerts and recording rules are written down, the same for all.  (docs/slo.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from components.observability.scraping import Config
from components.units import format_duration

RUNBOOKS = "docs/runbooks"
# How often rules are looked at. A window of rates is summed up by it.
INTERVAL = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One alert. `runbook`: the page of docs/runbooks/ that says what to do, without its ending.

    `wait`: how long it must hold. `severity`: page wakes somebody, warning and ticket do not.
    """

    name: str
    expr: str
    wait: timedelta
    severity: Literal["page", "warning", "ticket"]
    summary: str
    runbook: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def config(self) -> Config:
        """As Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": format_duration(self.wait),
            "labels": {"severity": self.severity, **self.labels},
            "annotations": {"summary": self.summary, "runbook_url": f"{RUNBOOKS}/{self.runbook}.md"},
        }


@dataclass(frozen=True, kw_only=True)
class Record:
    """One recording rule: `name` becomes what `expr` is, with `labels` added."""

    name: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def config(self) -> Config:
        """As Prometheus reads it."""
        made: Config = {"record": self.name, "expr": self.expr}
        return made | ({"labels": dict(self.labels)} if self.labels else {})


def group(name: str, rules: Sequence[Alert | Record], interval: timedelta = INTERVAL) -> Config:
    """Rules that are looked at one after the other, every `interval`."""
    return {"name": name, "interval": format_duration(interval), "rules": [rule.config() for rule in rules]}
