"""One HTML file that shows a run to people: what was decided and why, then the charts."""

from __future__ import annotations

from html import escape
from math import log10

from groundwork.verdict import Check
from loadtests.charts import bars, lines
from loadtests.result import Result, SeriesResult

_STYLE = """
body{font:14px/1.5 system-ui,sans-serif;max-width:820px;margin:24px auto;padding:0 16px;color:#1f2937}
h1{font-size:20px}h2{font-size:16px;margin-top:28px}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:4px 8px;border-bottom:1px solid #e5e7eb;vertical-align:top}
td.n{text-align:right;font-variant-numeric:tabular-nums}svg{width:100%;height:auto}
svg text{font:11px system-ui,sans-serif;fill:#4b5563}.grid{stroke:#e5e7eb}
.pass{color:#047857}.fail{color:#b91c1c}.inconclusive,.error{color:#b45309}.none{color:#6b7280}
b.pass,b.fail,b.inconclusive,b.error{text-transform:uppercase}
"""


def page(result: Result) -> str:
    """The whole page; it loads nothing."""
    verdict, plan = result.verdict, result.plan
    about = (
        f"<p>{escape(result.run)} · {escape(verdict.environment)} · {escape(result.target)} · "
        f"{result.began:%Y-%m-%d %H:%M:%S} UTC · {result.seconds:.0f} s, of which {plan.warm_up.total_seconds():.0f} s "
        f"warm-up do not count · {plan.mode} loop, {plan.shape.kind}, {len(result.workers)} worker(s)</p>"
    )
    parts = [
        f"<h1>{escape(plan.name)}: <b class='{verdict.outcome}'>{verdict.outcome}</b></h1>",
        about,
        _checks(verdict.checks),
        "<h2>Latency over time</h2>",
        lines(
            {name: [(point.at, getattr(point, name)) for point in result.points] for name in ("p50", "p95", "p99")},
            x="seconds from the start",
            y="ms from the intended start",
        ),
        "<h2>Throughput</h2>",
        lines(
            {
                name: [(point.at, getattr(point, name)) for point in result.points]
                for name in ("sent", "answered", "failed")
            },
            x="seconds from the start",
            y="requests a second",
        ),
        "<h2>Percentiles</h2>",
        _percentiles(result),
        "<h2>Errors by type</h2>",
        bars({name: float(count) for name, count in result.all.errors.items()}),
    ]
    if result.steps:
        knee = f"the last level served well: {result.knee:g}" if result.knee is not None else "no level was past it"
        parts += [
            "<h2>Saturation</h2>",
            f"<p>Knee: {knee}.</p>",
            lines(
                {"p95": [(step.level, step.p95) for step in result.steps]},
                x="asked for, a second",
                y="ms from the intended start",
            ),
            lines(
                {
                    "answered": [(step.level, step.answered) for step in result.steps],
                    "failed": [(step.level, step.failed) for step in result.steps],
                },
                x="asked for, a second",
                y="requests a second",
            ),
        ]
    parts.append(_table((result.all, *result.series)))
    body = "\n".join(parts)
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(result.run)}</title>"
        f"<style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def _checks(checks: tuple[Check, ...]) -> str:
    rows = "".join(
        f"<tr><td><b class='{check.outcome}'>{check.outcome}</b></td><td>{escape(check.name)}</td>"
        f"<td>{escape(check.measured)}</td><td>{escape(check.limit)}</td><td>{escape(check.why)}</td></tr>"
        for check in checks
    )
    return f"<table><tr><th></th><th>check</th><th>measured</th><th>limit</th><th>why</th></tr>{rows}</table>"


def _percentiles(result: Result) -> str:
    """Over the logarithm of what lies beyond, so that the tail is seen."""
    shown = [each for each in (result.all, *result.series) if each.percentiles][:5]
    places = {_place(float(share)): f"{share} %" for share in result.all.percentiles if float(share) < 100}
    series = {
        each.name: [(_place(float(share)), value) for share, value in each.percentiles.items() if float(share) < 100]
        for each in shown
    }
    return lines(series, x="share of requests", y="ms", ticks=places)


def _place(share: float) -> float:
    return -log10(1 - share / 100)


def _table(series: tuple[SeriesResult, ...]) -> str:
    shares = ("50", "95", "99", "99.9", "100")
    head = "".join(f"<th>p{share}</th>" for share in shares)
    rows = "".join(
        f"<tr><td>{escape(each.name)}</td><td class='n'>{each.requests}</td>"
        f"<td class='n'>{sum(each.errors.values())}</td>"
        + "".join(f"<td class='n'>{_ms(each.percentiles.get(share))}</td>" for share in shares)
        + f"<td class='n'>{_ms(each.first.get('95'))}</td></tr>"
        for each in series
    )
    return (
        f"<h2>Series</h2><p>ms from the intended start to the last byte.</p><table><tr><th>series</th><th>requests</th>"
        f"<th>errors</th>{head}<th>first piece p95</th></tr>{rows}</table>"
    )


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
