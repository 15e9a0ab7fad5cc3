"""The same figures as a page: one file with its charts in it, nothing loaded from elsewhere.  (docs/agent-view.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from html import escape
from math import isnan
from typing import TYPE_CHECKING

from components.observability.dashboards import agents
from components.observability.dashboards.panels import Panel
from components.units import format_duration
from local.line_chart import COLOURS, NOTHING, chart
from local.status import HEADINGS, row

if TYPE_CHECKING:
    from local.observability import Prometheus, Series
    from local.sight import Look

POINTS = 120
SHORTEST_STEP = timedelta(seconds=15)
_UNITS = {"s": "seconds", "percentunit": "1 is all", "bytes": "bytes"}
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:1640px;padding:0 1rem;color:#1f2937;background:#fff}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .3rem}p{margin:.3rem 0;color:#4b5563}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.35rem .6rem;text-align:right;border-bottom:1px solid #e5e7eb;white-space:nowrap}
th:nth-child(-n+3),td:nth-child(-n+3){text-align:left}.scroll{overflow-x:auto}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(620px,1fr));gap:0 1.5rem}
svg{width:100%;height:auto}svg text{font-size:11px;fill:#4b5563}.page{color:#b91c1c;font-weight:600}
small{font-weight:400;color:#6b7280}.key{display:flex;flex-wrap:wrap;gap:.1rem 1rem;font-size:.8rem;padding-left:3.2rem}
.key i{display:inline-block;width:.7rem;height:.7rem;margin-right:.35rem}li{margin:.2rem 0}.none{color:#9ca3af}
"""


def page(source: Prometheus, seen: Look, over: timedelta) -> str:
    """The page's text: agents, alerts, and the agents' dashboard over `over`. Raises UserError."""
    when = datetime.fromtimestamp(seen.time).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    charts = "".join(_chart(source, panel, seen.time, over) for panel in agents.BOARD.panels)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Groundwork: agents</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head><body>'
        f"<h1>Agents</h1><p>{escape(when)}; rates over {seen.window}, charts over {format_duration(over)}</p>"
        f'<div class="scroll">{_table(seen)}</div>{_alerts(seen)}<div class="charts">{charts}</div></body></html>\n'
    )


def _table(seen: Look) -> str:
    if not seen.agents:
        return '<p class="none">no agent is seen</p>'
    head = "".join(f"<th>{escape(heading)}</th>" for heading in HEADINGS)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row(each)) + "</tr>" for each in seen.agents)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _alerts(seen: Look) -> str:
    if not seen.alerts:
        return "<h2>Alerts</h2><p>none fires</p>"
    rows = "".join(
        f'<li class="{escape(alert.labels.get("severity", ""))}">{escape(alert.labels.get("severity", ""))}: '
        f"{escape(alert.name)}: {escape(alert.annotations.get('summary', ''))}</li>"
        for alert in seen.alerts
    )
    return f"<h2>Alerts</h2><ul>{rows}</ul>"


def _chart(source: Prometheus, panel: Panel, end: float, over: timedelta) -> str:
    step = max(over / POINTS, SHORTEST_STEP)
    # A rate needs some samples; a chart's points need not overlap more than that.
    window = format_duration(timedelta(seconds=round(max(step, timedelta(minutes=2)).total_seconds())))
    found: dict[str, Sequence[tuple[float, float | None]]] = {}
    for legend, expr in panel.lines.items():
        asked = agents.BOARD.everything(expr, window)
        series = source.query_range(asked, end - over.total_seconds(), end, step.total_seconds())
        for each in sorted(series, key=_size, reverse=True):
            found[_named(legend, each.labels)] = _steady(each, end, step.total_seconds())
    # More lines than colours cannot be told apart; of errors that never were, there is nothing to see.
    some = {name: line for name, line in found.items() if not panel.quiet or any(value for _, value in line)}
    kept = dict(list(some.items())[: len(COLOURS)])
    more = f"<p>and {len(some) - len(kept)} more</p>" if len(some) > len(kept) else ""
    drawn = chart(kept, low=-over.total_seconds(), high=0.0, ticks=_ticks(end, over)) if kept else NOTHING
    unit = f" <small>{_UNITS[panel.unit]}</small>" if panel.unit in _UNITS else ""
    return f"<section><h2>{escape(panel.title)}{unit}</h2>{drawn}{more}</section>"


def _size(series: Series) -> float:
    return max((value for _, value in series.points if not isnan(value)), default=0.0)


def _steady(series: Series, end: float, step: float) -> list[tuple[float, float | None]]:
    """A point where Prometheus has one; between points that are further apart than a step, the line is broken."""
    made: list[tuple[float, float | None]] = []
    for at, value in series.points:
        when = at - end
        if made and when - made[-1][0] > 1.5 * step:
            made.append((made[-1][0] + step, None))
        made.append((when, None if isnan(value) else value))
    return made


def _ticks(end: float, over: timedelta) -> dict[float, str]:
    pattern = "%H:%M" if over <= timedelta(days=1) else "%d %b"
    places = [-over.total_seconds() * part / 6 for part in range(6, -1, -1)]
    return {at: datetime.fromtimestamp(end + at).astimezone().strftime(pattern) for at in places}


def _named(legend: str, labels: Mapping[str, str]) -> str:
    for name, value in labels.items():
        legend = legend.replace(f"{{{{{name}}}}}", value)
    return legend
