"""Boards in Grafana's own form, by its makers' typed SDK."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from components.observability.dashboards import BOARDS
from components.observability.dashboards.panels import Board, Panel
from components.observability.scraping import Config

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders import dashboard, timeseries

HEIGHT, WIDTH = 8, 12  # of 24 columns
SOURCE, KIND = "prometheus", "prometheus"  # as components/observability/grafana.py names it


def files() -> dict[str, Config]:
    """Every board as the JSON that Grafana provisions, by name."""
    return {board.name: rendered(board) for board in BOARDS}


def rendered(board: Board) -> Config:
    """One board."""
    from grafana_foundation_sdk.builders import dashboard
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import DashboardCursorSync

    made = (
        dashboard.Dashboard(f"Groundwork: {board.title}")
        .uid(f"groundwork-{board.name}")
        .tags(["groundwork"])
        .readonly()
        .time(board.since, "now")
        .refresh("30s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
    )
    for name, (series, label) in board.variables.items():
        made = made.with_variable(_variable(name, series, label))
    for panel in board.panels:
        made = made.with_panel(_panel(panel))
    result: Config = json.loads(JSONEncoder(sort_keys=True).encode(made.build()))
    return result


def _variable(name: str, series: str, label: str) -> dashboard.QueryVariable:
    from grafana_foundation_sdk.builders import dashboard
    from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

    return (
        dashboard.QueryVariable(name)
        .datasource(DataSourceRef(type_val=KIND, uid=SOURCE))
        .query(f"label_values({series}, {label})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(True)
        .all_value(".*")
        .multi(True)
    )


def _panel(panel: Panel) -> timeseries.Panel:
    from grafana_foundation_sdk.builders import prometheus, timeseries
    from grafana_foundation_sdk.models.dashboard import DataSourceRef

    made = (
        timeseries.Panel()
        .title(panel.title)
        .unit(panel.unit)
        .height(HEIGHT)
        .span(WIDTH)
        .min(0)
        .datasource(DataSourceRef(type_val=KIND, uid=SOURCE))
    )
    for index, (legend, expr) in enumerate(panel.lines.items()):
        made = made.with_target(prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(chr(ord("A") + index)))
    return made
