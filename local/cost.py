"""`groundwork cost`: what tenants and agents used and cost in a month.  (docs/cost.md)"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from groundwork.console import print_columns
from groundwork.errors import ExitCode, UserError

if TYPE_CHECKING:
    from local.observability import Prometheus

NONE = "–"
KINDS = ("tokens", "cpu", "memory", "storage")
# Less of the time than this was recorded: the figures are right for what was seen, and no month's bill.
ENOUGH = 0.95


@dataclass(frozen=True, kw_only=True)
class Line:
    """One agent, or what a tenant has beside its agents (`agent` is empty), in one currency.

    Costs are None where there is no price: used, and not known what for. `total`: of those that are known.
    """

    tenant: str
    agent: str
    currency: str
    input_tokens: float
    output_tokens: float
    cpu_core_hours: float
    memory_gib_hours: float
    storage_gib_hours: float
    tokens_cost: float | None
    cpu_cost: float | None
    memory_cost: float | None
    storage_cost: float | None
    total: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """A month, or what has gone of it. `recorded`: the share of that time for which there are figures."""

    month: str
    start: float
    end: float
    recorded: float
    lines: Sequence[Line]


def cost(
    month: Annotated[str | None, typer.Option(help="As 2026-11; this month if none is named.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    csv_: Annotated[bool, typer.Option("--csv", help="For spreadsheets.")] = False,
    prometheus: Annotated[str | None, typer.Option(help="Ask this Prometheus, http://host:port.")] = None,
) -> None:
    """Report what each tenant and agent used and cost in a month (UTC).

    Exit code 0; 98 where less than 95 % of the time was recorded, or nobody used anything: no bill is made of that.

    Examples:
      groundwork cost
      groundwork cost --month 2026-10 --csv > october.csv
    """
    from local.sight import reach

    if json_ and csv_:
        raise UserError(what="--json and --csv are two forms of one report", allowed="one of them")
    with reach(prometheus) as source:
        made = report(source, *stretch(month, time.time()))
    if json_:
        print(json.dumps(asdict(made), indent=2))
    elif csv_:
        _csv(made)
    else:
        _table(made)
    if made.recorded < ENOUGH or not made.lines:
        print(f"{made.recorded:.1%} of the time was recorded; {len(made.lines)} lines", file=sys.stderr)
        raise typer.Exit(ExitCode.INCONCLUSIVE)


def stretch(month: str | None, now: float) -> tuple[str, float, float]:
    """A month's name, beginning and end (seconds since 1970), at most until now. Raises UserError."""
    today = datetime.fromtimestamp(now, UTC)
    try:
        first = datetime.strptime(month or f"{today:%Y-%m}", "%Y-%m").replace(tzinfo=UTC)
    except ValueError:
        raise UserError(what=f"--month {month!r} is no month", allowed="as 2026-11") from None
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    if first.timestamp() >= now:
        raise UserError(what=f"{first:%Y-%m} has not begun")
    return f"{first:%Y-%m}", first.timestamp(), min(after.timestamp(), now)


def report(source: Prometheus, month: str, start: float, end: float) -> Report:
    """Sum up what was recorded. Raises UserError."""
    # Here: with the components comes Pulumi, and every verb would wait for it.
    from components.observability.alerting import INTERVAL
    from components.observability.cost import COST, CPU, MEMORY, RECORDED, STORAGE, TOKENS

    seconds, interval = int(end - start), INTERVAL.total_seconds()

    def summed(series: str, *labels: str) -> dict[tuple[str, ...], float]:
        by = ("tenant", "agent", *labels)
        expr = f"sum by ({', '.join(by)}) (sum_over_time({series}[{seconds}s])) * {interval:g}"
        return {tuple(each.labels.get(name, "") for name in by): each.value for each in source.query(expr, end)}

    tokens, costs = summed(TOKENS, "direction"), summed(COST, "kind", "currency")
    used = {"cpu": summed(CPU), "memory": summed(MEMORY), "storage": summed(STORAGE)}
    seen = source.query(f"sum_over_time({RECORDED}[{seconds}s]) * {interval:g}", end)
    who = {key[:2] for each in (tokens, costs, *used.values()) for key in each}
    lines = [
        _line(one[0], one[1], currency, tokens, costs, used)
        for one in sorted(who)
        for currency in sorted({key[3] for key in costs if key[:2] == one}) or [""]
    ]
    recorded = min(seen[0].value / max(seconds, 1), 1.0) if seen else 0.0
    return Report(month=month, start=start, end=end, recorded=recorded, lines=lines)


def _line(  # noqa: PLR0913, PLR0917 – what it is made from
    tenant: str,
    agent: str,
    currency: str,
    tokens: Mapping[tuple[str, ...], float],
    costs: Mapping[tuple[str, ...], float],
    used: Mapping[str, Mapping[tuple[str, ...], float]],
) -> Line:
    from components.observability.cost import GIB, HOUR

    who = (tenant, agent)
    found = {kind: costs.get((*who, kind, currency)) for kind in KINDS}
    return Line(
        tenant=tenant,
        agent=agent,
        currency=currency,
        input_tokens=tokens.get((*who, "input"), 0.0),
        output_tokens=tokens.get((*who, "output"), 0.0),
        cpu_core_hours=used["cpu"].get(who, 0.0) / HOUR,
        memory_gib_hours=used["memory"].get(who, 0.0) / GIB / HOUR,
        storage_gib_hours=used["storage"].get(who, 0.0) / GIB / HOUR,
        tokens_cost=found["tokens"],
        cpu_cost=found["cpu"],
        memory_cost=found["memory"],
        storage_cost=found["storage"],
        total=sum(each for each in found.values() if each is not None),
    )


def _csv(made: Report) -> None:
    names = list(Line.__dataclass_fields__)
    writer = csv.DictWriter(sys.stdout, ["month", *names])
    writer.writeheader()
    writer.writerows({"month": made.month, **asdict(each)} for each in made.lines)


def _table(made: Report) -> None:
    print(f"{made.month}: {made.recorded:.1%} of the time was recorded")
    heads = ("tenant", "agent", "tokens in", "out", "core-hours", "GiB-hours", "volumes GiB-h", *KINDS, "total", "")
    rows: list[Sequence[str]] = [heads]
    for each in made.lines:
        known = (each.tokens_cost, each.cpu_cost, each.memory_cost, each.storage_cost)
        used = (each.input_tokens, each.output_tokens)
        hours = (each.cpu_core_hours, each.memory_gib_hours, each.storage_gib_hours)
        rows.append(
            (
                each.tenant,
                each.agent or NONE,
                *(f"{value:,.0f}" for value in used),
                *(f"{value:,.2f}" for value in hours),
                *(NONE if value is None else f"{value:,.4f}" for value in known),
                f"{each.total:,.4f}",
                each.currency,
            )
        )
    print_columns(rows)
    if any(each.cpu_cost is None or each.memory_cost is None for each in made.lines):
        print(f"{NONE}: no price is set (groundwork:observability: prices)")
