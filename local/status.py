"""`groundwork status`: what agents do and cost, on a terminal, as JSON or as a page.  (docs/agent-view.md)"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.units import DURATION, parse_duration
from groundwork.errors import ExitCode, UserError
from groundwork.files import write_atomically

if TYPE_CHECKING:
    from rich.console import Group

    from local.observability import Prometheus
    from local.sight import Figures, Look

NONE = "–"
LONGEST = timedelta(days=30)


def status(  # noqa: PLR0913, PLR0917 – one parameter an option
    window: Annotated[str, typer.Option(help="What rates are over: 5m to 30d.")] = "5m",
    once: Annotated[bool, typer.Option("--once", help="Show it once, and end.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="For machines; once.")] = False,
    html: Annotated[Path | None, typer.Option(help="Write a page with charts over the window to this file.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant.")] = None,
    interval: Annotated[float, typer.Option(help="Seconds between looks.", min=1, max=3600)] = 5.0,
    prometheus: Annotated[str | None, typer.Option(help="Ask this Prometheus, http://host:port.")] = None,
) -> None:
    """Show what agents do: requests, times, tokens, errors, sessions, cost, error budgets and alerts.

    Live on a terminal until Ctrl-C; once where the output is piped. Exit code 0; 98 where no agent is seen; 99 with
    --once, --json or a pipe where an alert of severity page fires.

    Examples:
      groundwork status
      groundwork status --once --window 1h
      groundwork status --json | jq '.agents[].p99'
      groundwork status --html status.html --window 1d
    """
    from local.sight import reach

    over = _window(window)
    with reach(prometheus) as source:
        if html is not None:
            from local.status_page import page

            seen = _look(source, over, tenant)
            write_atomically(html, page(source, seen, max(over, timedelta(hours=1))))
            print(html)
        elif json_:
            seen = _look(source, over, tenant)
            print(json.dumps(seen.as_json(), indent=2))
        elif once or not sys.stdout.isatty():
            seen = _look(source, over, tenant)
            _print(seen)
        else:
            _live(source, over, tenant, interval)
            return
    raise typer.Exit(_code(seen))


def _window(text: str) -> timedelta:
    try:
        over = parse_duration(text)
    except ValueError:
        over = timedelta(0)
    if not timedelta(minutes=1) <= over <= LONGEST:
        raise UserError(what=f"--window {text!r} is no window", allowed=f"from 1m to 30d: {DURATION}")
    return over


def _look(source: Prometheus, over: timedelta, tenant: str | None) -> Look:
    from dataclasses import replace

    from local.sight import look

    seen = look(source, over, time.time())
    if tenant is None:
        return seen
    return replace(
        seen,
        agents=[each for each in seen.agents if each.tenant == tenant],
        alerts=[each for each in seen.alerts if each.labels.get("tenant") == tenant],
    )


def _code(seen: Look) -> ExitCode:
    if any(alert.labels.get("severity") == "page" for alert in seen.alerts):
        return ExitCode.FAIL
    return ExitCode.PASS if seen.agents else ExitCode.INCONCLUSIVE


def _print(seen: Look) -> None:
    from rich.console import Console

    # A pipe has no width: nothing is cut off there.
    Console(highlight=False, width=None if sys.stdout.isatty() else 240).print(shown(seen))


def _live(source: Prometheus, over: timedelta, tenant: str | None, interval: float) -> None:
    from threading import Event

    from rich.live import Live
    from rich.text import Text

    pause = Event()
    seen = _look(source, over, tenant)
    with Live(shown(seen), screen=True, auto_refresh=False) as live:
        while True:
            live.update(shown(seen), refresh=True)
            pause.wait(interval)
            try:
                seen = _look(source, over, tenant)
            except UserError as error:  # it may come back; what was seen last is still shown
                from rich.console import Group

                live.update(Group(shown(seen), Text(f"\n{error}", style="red")), refresh=True)
                pause.wait(interval)


def shown(seen: Look) -> Group:
    """A table of agents and a list of alerts, for rich."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    when = datetime.fromtimestamp(seen.time).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    table = Table(title=f"Agents at {when}, over {seen.window}", title_justify="left", box=None, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(
            heading, justify="left" if heading in HEADINGS[:3] else "right", no_wrap=heading != "errors/min"
        )
    for each in seen.agents:
        cells = row(each)
        low = any(value < 0 for value in each.budgets.values())
        table.add_row(*cells, style="red" if low else None)
    parts: list[Table | Text] = [table]
    if not seen.agents:
        parts.append(Text("no agent is seen: does Prometheus scrape any?", style="yellow"))
    parts.append(Text(f"\n{len(seen.alerts)} alerts fire" if seen.alerts else "\nno alert fires"))
    for alert in seen.alerts:
        severity = alert.labels.get("severity", "")
        line = f"{severity:8} {alert.name}  {alert.annotations.get('summary', '')}"
        runbook = alert.annotations.get("runbook_url") or alert.annotations.get("runbook", "")
        parts.append(Text(f"{line}  → {runbook}", style="bold red" if severity == "page" else "yellow"))
    return Group(*parts)


HEADINGS = (
    "tenant",
    "agent",
    "tier",
    "req/min",
    "p50",
    "p95",
    "p99",
    "tokens in/min",
    "out/min",
    "errors/min",
    "sessions",
    "cost/h",
    "budget left",
)


def row(each: Figures) -> list[str]:
    """One agent as text, in the order of HEADINGS."""
    return [
        each.tenant,
        each.agent,
        each.tier,
        number(each.requests_per_minute),
        seconds(each.p50),
        seconds(each.p95),
        seconds(each.p99),
        number(each.input_tokens_per_minute),
        number(each.output_tokens_per_minute),
        ", ".join(f"{kind} {number(value)}" for kind, value in sorted(each.errors.items())) or "0",
        number(each.sessions),
        money(each.costs),
        ", ".join(f"{name.removeprefix(each.tier + '-')} {value:.1%}" for name, value in sorted(each.budgets.items()))
        or NONE,
    ]


def number(value: float | None) -> str:
    """For people: as many digits as matter."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def seconds(value: float | None) -> str:
    """A time in the unit that is read most easily."""
    if value is None:
        return NONE
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def money(costs: Mapping[str, float]) -> str:
    """By currency."""
    return ", ".join(f"{value:.4g} {currency}" for currency, value in sorted(costs.items())) or NONE
