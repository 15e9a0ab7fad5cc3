"""Recording rules, error budgets and burn alerts for Prometheus, made from the promises of slo.yaml.  (docs/slo.md)

Windows up to an hour are rates of the agents' own counters: a page does not wait for an average of averages. Longer
ones are sums of the five minutes' rates: 30 days then are one series an agent, not one a pod, route and status, and
are weighted by traffic all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pydantic import JsonValue

from components.observability.alerting import INTERVAL, Alert, Record, group
from components.observability.scraping import Config
from components.units import format_duration
from loadtests.slo import SHORTEST, Burn, Promise

BY = "sum by (tenant, agent)"
# From LONG on, windows are looked at less often; more often than the five minutes after which Prometheus forgets.
LONG = timedelta(days=1)
EXACT = timedelta(hours=1)
LONG_INTERVAL = timedelta(minutes=2)
# With too few failures for a burn alert, this much of what little there is must fail, over this long.
LOW_TRAFFIC_SHARE, LOW_TRAFFIC_WINDOW = 0.5, timedelta(hours=6)
RUNBOOK = "error-budget-burn"


def files(promises: Sequence[Promise]) -> dict[str, Config]:
    """The rule file, by name."""
    windows = _windows(promises)
    exact = [window for window in windows if window <= EXACT]
    short, long = [each for each in windows if each < LONG], [each for each in windows if each >= LONG]
    # One after the other, in one group: an alert sees the ratios of the same moment, and not of the look before.
    counted = [rule for each in promises for window in exact for rule in _events(each, window)]
    told = [rule for each in promises for rule in _alerts(each)]
    made: list[JsonValue] = [
        group("slo", [*counted, *_objectives(promises), *map(_ratio, short), *told]),
        group("slo-long", [*map(_ratio, long), *map(_budget, promises)], LONG_INTERVAL),
    ]
    return {"slo": {"groups": made}}


def ratio(window: timedelta) -> str:
    """The series of the share of bad events over a window."""
    return f"slo:sli_error:ratio_rate{format_duration(window)}"


def failures(name: str, window: timedelta) -> str:
    """How many events of a promise were bad over a window."""
    which = f'{{slo="{name}"}}'
    if window <= EXACT:
        return f"{_rate('bad', window)}{which} * {int(window.total_seconds())}"
    # Each rate stands for one interval.
    return (
        f"sum_over_time({_rate('bad', SHORTEST)}{which}[{format_duration(window)}]) * {int(INTERVAL.total_seconds())}"
    )


def _rate(side: str, window: timedelta) -> str:
    return f"slo:sli_{side}:rate{format_duration(window)}"


def _events(promise: Promise, window: timedelta) -> list[Record]:
    """Events a second. A status that has not been seen yet is no failure, not an unknown number of them."""
    labels = {"slo": promise.name, "tier": promise.tier}
    over = format_duration(window)
    total = f"{BY} (rate({promise.total}[{over}]))"
    if promise.bad is not None:
        bad = f"{BY} (rate({promise.bad}[{over}])) or 0 * {total}"
    else:
        bad = f"clamp_min({total} - {BY} (rate({promise.good}[{over}])), 0)"
    return [
        Record(name=_rate("total", window), expr=total, labels=labels),
        Record(name=_rate("bad", window), expr=bad, labels=labels),
    ]


def _objectives(promises: Sequence[Promise]) -> list[Record]:
    return [
        Record(name="slo:objective:ratio", expr=f"vector({each.target})", labels={"slo": each.name, "tier": each.tier})
        for each in promises
    ]


def _windows(promises: Sequence[Promise]) -> list[timedelta]:
    """Every window that an alert or a budget asks for, the shortest first."""
    wanted = {SHORTEST, LOW_TRAFFIC_WINDOW, *(each.period for each in promises)}
    wanted |= {window for each in promises for burn in each.burns for window in (burn.long, burn.short)}
    return sorted(wanted)


def _ratio(window: timedelta) -> Record:
    """No traffic, no ratio: 0 of 0 is neither good nor bad."""
    if window <= EXACT:
        bad, total = _rate("bad", window), _rate("total", window)
    else:
        text = format_duration(window)
        bad, total = (f"sum_over_time({_rate(side, SHORTEST)}[{text}])" for side in ("bad", "total"))
    return Record(name=ratio(window), expr=f"{bad} / ({total} > 0)")


def _budget(promise: Promise) -> Record:
    """1: nothing is spent; 0: all of it; below: the promise is broken."""
    expr = f'1 - {ratio(promise.period)}{{slo="{promise.name}"}} / {promise.budget}'
    return Record(name="slo:error_budget_remaining:ratio", expr=expr)


def _alerts(promise: Promise) -> list[Alert]:
    return [*(_burn(promise, burn) for burn in promise.burns), _low_traffic(promise)]


def _burn(promise: Promise, burn: Burn) -> Alert:
    """Over both windows: the long one says that it matters, the short one that it still goes on."""
    share = round(burn.factor * promise.budget, 9)
    which = f'{{slo="{promise.name}"}}'
    # Half a failure less: a rate is stretched over its window, and five failures may count as 4.9.
    enough = f"{failures(promise.name, burn.long)} > {promise.min_failures - 0.5}"
    expr = f"{ratio(burn.long)}{which} > {share} and {ratio(burn.short)}{which} > {share} and {enough}"
    percent = f"{{{{ $value | humanizePercentage }}}} in {format_duration(burn.long)}"
    return Alert(
        name="ErrorBudgetBurn" + burn.name.removeprefix("burn-"),
        expr=expr,
        wait=burn.wait,
        severity="page" if burn.severity == "page" else "ticket",
        summary=f"{{{{ $labels.tenant }}}}/{{{{ $labels.agent }}}} breaks its promise: {percent} against "
        f"{promise.budget:.2%} ({promise.description})",
        runbook=RUNBOOK,
    )


def _low_traffic(promise: Promise) -> Alert:
    """Too few failures for a burn alert, but most of what there is fails."""
    which, window = f'{{slo="{promise.name}"}}', LOW_TRAFFIC_WINDOW
    count = failures(promise.name, window)
    expr = f"{ratio(window)}{which} > {LOW_TRAFFIC_SHARE} and {count} > 1.5 and {count} <= {promise.min_failures - 0.5}"
    return Alert(
        name="FailingAtLowTraffic",
        expr=expr,
        wait=timedelta(0),
        severity="ticket",
        summary="{{ $labels.tenant }}/{{ $labels.agent }} has little traffic, and "
        f"{{{{ $value | humanizePercentage }}}} of it fails ({promise.description})",
        runbook=RUNBOOK,
    )
