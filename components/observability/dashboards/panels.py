"""A dashboard before it is anybody's format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Unit = Literal["s", "reqpm", "short", "percentunit", "bytes", "cores", "ops"]
# Replaces Grafana's own variable where a question is asked by somebody else.
WINDOW = "$__rate_interval"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """`lines`: legend (with {{label}}) → question. `quiet`: no data is what one hopes for."""

    title: str
    unit: Unit
    lines: Mapping[str, str]
    quiet: bool = False


@dataclass(frozen=True, kw_only=True)
class Board:
    """`variables`: name → the series and label that its values are of."""

    name: str
    title: str
    panels: Sequence[Panel]
    variables: Mapping[str, tuple[str, str]]
    since: str = "now-1h"

    def everything(self, expr: str, window: str = "5m") -> str:
        """A question with its variables set to all."""
        for name in self.variables:
            expr = expr.replace(f"${name}", ".*")
        return expr.replace(WINDOW, window)
