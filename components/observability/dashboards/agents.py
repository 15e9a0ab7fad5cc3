"""Agents, by tenant and agent; any stretch from an hour to thirty days."""

from __future__ import annotations

from components.observability.cost import COST
from components.observability.dashboards.panels import WINDOW, Board, Panel

_WHO = 'tenant=~"$tenant",agent=~"$agent"'
_LEGEND = "{{tenant}}/{{agent}}"
_BY = "sum by (tenant, agent)"


def _quantile(share: float) -> str:
    rate = f"rate(agent_request_duration_seconds_bucket{{{_WHO}}}[{WINDOW}])"
    return f"histogram_quantile({share}, sum by (le, tenant, agent) ({rate}))"


BOARD = Board(
    name="agents",
    title="Agents",
    variables={"tenant": ("agent_active_sessions", "tenant"), "agent": ("agent_active_sessions", "agent")},
    panels=(
        Panel(
            title="Requests a minute",
            unit="reqpm",
            lines={_LEGEND: f"{_BY} (rate(agent_requests_total{{{_WHO}}}[{WINDOW}])) * 60"},
        ),
        Panel(
            title="Time to the answer's end",
            unit="s",
            lines={f"p{share * 100:g} {_LEGEND}": _quantile(share) for share in (0.5, 0.95, 0.99)},
        ),
        Panel(
            title="Time without the model, p99",
            unit="s",
            lines={
                _LEGEND: "histogram_quantile(0.99, sum by (le, tenant, agent) "
                f"(rate(agent_overhead_seconds_bucket{{{_WHO}}}[{WINDOW}])))"
            },
        ),
        Panel(
            title="Tokens a minute",
            unit="short",
            lines={
                f"{_LEGEND} {{{{direction}}}}": "sum by (tenant, agent, direction) "
                f"(rate(agent_tokens_total{{{_WHO}}}[{WINDOW}])) * 60"
            },
        ),
        Panel(
            title="Errors a minute, by type",
            unit="short",
            lines={
                f"{_LEGEND} {{{{type}}}}": "sum by (tenant, agent, type) "
                f"(rate(agent_errors_total{{{_WHO}}}[{WINDOW}])) * 60"
            },
            quiet=True,
        ),
        Panel(title="Sessions", unit="short", lines={_LEGEND: f"{_BY} (agent_active_sessions{{{_WHO}}})"}),
        Panel(title="In flight", unit="short", lines={_LEGEND: f"{_BY} (agent_requests_in_flight{{{_WHO}}})"}),
        Panel(
            title="Cost an hour",
            unit="short",
            lines={f"{_LEGEND} {{{{kind}}}} {{{{currency}}}}": f"{COST}{{{_WHO}}} * 3600"},
        ),
        Panel(
            title="Error budget that is left",
            unit="percentunit",
            lines={f"{_LEGEND} {{{{slo}}}}": f"slo:error_budget_remaining:ratio{{{_WHO}}}"},
        ),
        Panel(
            title="Budget burn over an hour",
            unit="short",
            lines={
                f"{_LEGEND} {{{{slo}}}}": f"slo:sli_error:ratio_rate1h{{{_WHO}}}"
                " / on (slo) group_left () (1 - slo:objective:ratio)"
            },
        ),
    ),
)
