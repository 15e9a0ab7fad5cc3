"""The platform's own rules. What a tenant is promised stands in loadtests/; its rules are given to the component."""

from __future__ import annotations

from components.observability.scraping import Config

_RUNBOOKS = "docs/runbooks"


def _alert(names: tuple[str, str], on: str, *, after: str, severity: str, summary: str) -> Config:
    """`names`: the alert's and its runbook's."""
    name, runbook = names
    return {
        "alert": name,
        "expr": on,
        "for": after,
        "labels": {"severity": severity},
        "annotations": {"summary": summary, "runbook_url": f"{_RUNBOOKS}/{runbook}.md"},
    }


def platform() -> dict[str, Config]:
    """File → its groups."""
    observed: list[Config] = [
        _alert(
            ("TargetDown", "target-down"),
            "up == 0",
            after="2m",
            severity="warning",
            summary="{{ $labels.job }} {{ $labels.pod }}{{ $labels.node }} gives no metrics",
        ),
        _alert(
            ("CollectorDown", "collector-down"),
            'absent(up{job="collector"} == 1)',
            after="1m",
            severity="page",
            summary="No collector runs: traces are lost, logs wait on the nodes",
        ),
        _alert(
            ("LokiDown", "loki-down"),
            'absent(up{job="loki"} == 1)',
            after="1m",
            severity="page",
            summary="Loki does not run: logs wait in the collector",
        ),
        _alert(
            ("TelemetryRefused", "collector-down"),
            "sum by (exporter) (rate(otelcol_exporter_send_failed_spans_total[5m])"
            " or rate(otelcol_exporter_send_failed_log_records_total[5m])) > 0",
            after="2m",
            severity="warning",
            summary="What {{ $labels.exporter }} was given is lost",
        ),
        _alert(
            ("PrometheusCannotWrite", "prometheus-out-of-space"),
            "rate(prometheus_tsdb_wal_writes_failed_total[5m]) > 0"
            " or rate(prometheus_tsdb_compactions_failed_total[30m]) > 0",
            after="1m",
            severity="page",
            summary="Prometheus cannot write what it scrapes",
        ),
    ]
    return {"platform": {"groups": [{"name": "observability", "rules": [*observed]}]}}
