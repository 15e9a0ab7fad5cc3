"""The platform's own servers: what runs, what is told, what the observers use."""

from __future__ import annotations

from components.observability.dashboards.panels import WINDOW, Board, Panel

BOARD = Board(
    name="platform",
    title="Platform",
    variables={},
    panels=(
        Panel(title="Targets that answer", unit="percentunit", lines={"{{job}}": "avg by (job) (up)"}),
        Panel(
            title="Alerts that fire",
            unit="short",
            lines={"{{alertname}}": 'count by (alertname, severity) (ALERTS{alertstate="firing"})'},
            quiet=True,
        ),
        Panel(
            title="Processor",
            unit="cores",
            lines={"{{job}}": f"sum by (job) (rate(process_cpu_seconds_total[{WINDOW}]))"},
        ),
        Panel(title="Memory", unit="bytes", lines={"{{job}}": "sum by (job) (process_resident_memory_bytes)"}),
        Panel(title="Series in Prometheus", unit="short", lines={"series": "prometheus_tsdb_head_series"}),
        Panel(
            title="Samples a second",
            unit="ops",
            lines={"samples": f"rate(prometheus_tsdb_head_samples_appended_total[{WINDOW}])"},
        ),
        Panel(title="Domains, by state", unit="short", lines={"{{state}}": "max by (state) (groundwork_domains)"}),
        Panel(
            title="Certificates' days left",
            unit="short",
            lines={"{{host}}": "(min by (host) (groundwork_domains_certificate_not_after_seconds) - time()) / 86400"},
        ),
    ),
)
