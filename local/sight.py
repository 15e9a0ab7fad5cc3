"""What agents do and cost, read from Prometheus: the figures of `groundwork status`, its report and `groundwork cost`.

The questions are those of the dashboards and of the recording rules; nothing is computed here that Prometheus can.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isnan
from typing import TYPE_CHECKING

from components.units import format_duration
from groundwork.errors import UserError

if TYPE_CHECKING:
    from datetime import timedelta

    from local.observability import Alert, Prometheus

_BY = "sum by (tenant, agent)"
Who = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One agent of one tenant over a window. Times are seconds; None: not known.

    `errors`: a minute, by type. `costs`: an hour, by currency. `budgets`: promise → the share of its budget that is
    left.
    """

    tenant: str
    agent: str
    tier: str
    requests_per_minute: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    input_tokens_per_minute: float | None = None
    output_tokens_per_minute: float | None = None
    errors: Mapping[str, float] = field(default_factory=dict)
    sessions: float | None = None
    costs: Mapping[str, float] = field(default_factory=dict)
    budgets: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Look:
    """All agents at one time (seconds since 1970), and what fires."""

    time: float
    window: str
    agents: Sequence[Figures]
    alerts: Sequence[Alert]

    def as_json(self) -> dict[str, object]:
        """For machines."""
        return {
            "time": self.time,
            "window": self.window,
            "agents": [asdict(each) for each in self.agents],
            "alerts": [asdict(each) for each in self.alerts],
        }


@contextlib.contextmanager
def reach(address: str | None) -> Iterator[Prometheus]:
    """Prometheus at `address`, or the one of the environment that is up. Raises UserError where there is none."""
    import httpx

    from local import observability, record
    from local.paths import Paths
    from local.up import cluster_of

    if address is None:
        paths = Paths.for_user()
        with observability.prometheus(cluster_of(record.require(paths), paths)) as source:
            yield source
        return
    if not address.startswith(("http://", "https://")):
        raise UserError(what=f"--prometheus {address!r} is no address", allowed="http://host:port or https://…")
    with httpx.Client(base_url=address, timeout=observability.ANSWER_SECONDS, trust_env=False) as client:
        yield observability.Prometheus(client)


def look(source: Prometheus, window: timedelta, at: float) -> Look:
    """Ask everything once. Raises UserError."""
    over = format_duration(window)

    def vector(expr: str) -> dict[Who, float]:
        samples = source.query(expr, at)
        return {(each.labels["tenant"], each.labels["agent"]): each.value for each in samples if not isnan(each.value)}

    def named(expr: str, label: str) -> dict[Who, dict[str, float]]:
        found: dict[Who, dict[str, float]] = {}
        for each in source.query(expr, at):
            who = (each.labels["tenant"], each.labels["agent"])
            found.setdefault(who, {})[each.labels[label]] = each.value
        return found

    tiers = {
        (each.labels["tenant"], each.labels["agent"]): each.labels["tier"]
        for each in source.query("group by (tenant, agent, tier) (agent_active_sessions)", at)
    }
    requests = vector(f"{_BY} (rate(agent_requests_total[{over}])) * 60")
    times = {share: vector(_quantile(share, over)) for share in (0.5, 0.95, 0.99)}
    tokens = named(f"sum by (tenant, agent, direction) (rate(agent_tokens_total[{over}])) * 60", "direction")
    errors = named(f"sum by (tenant, agent, type) (rate(agent_errors_total[{over}])) * 60 > 0", "type")
    sessions = vector(f"{_BY} (agent_active_sessions)")
    costs = named("sum by (tenant, agent, currency) (groundwork:cost:per_second) * 3600", "currency")
    budgets = named("slo:error_budget_remaining:ratio", "slo")
    agents = [
        Figures(
            tenant=who[0],
            agent=who[1],
            tier=tier,
            requests_per_minute=requests.get(who),
            p50=times[0.5].get(who),
            p95=times[0.95].get(who),
            p99=times[0.99].get(who),
            input_tokens_per_minute=tokens.get(who, {}).get("input"),
            output_tokens_per_minute=tokens.get(who, {}).get("output"),
            errors=errors.get(who, {}),
            sessions=sessions.get(who),
            costs=costs.get(who, {}),
            budgets=budgets.get(who, {}),
        )
        for who, tier in sorted(tiers.items())
    ]
    firing = sorted((each for each in source.alerts() if each.state == "firing"), key=lambda each: each.name)
    return Look(time=at, window=over, agents=agents, alerts=firing)


def _quantile(share: float, over: str) -> str:
    rate = f"rate(agent_request_duration_seconds_bucket[{over}])"
    return f"histogram_quantile({share}, sum by (le, tenant, agent) ({rate}))"
