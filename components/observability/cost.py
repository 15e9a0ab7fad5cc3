"""Recording rules of what tenants and agents use and cost.  (docs/cost.md)

Used: tokens as agents count them, processor and memory as the scheduler counts what pods ask for, volumes as kubelets
see them. Costs are money a second, so that any stretch of time is their sum.
"""

from __future__ import annotations

from components.observability.alerting import Record, group
from components.observability.prices import Prices
from components.observability.scraping import Config

HOUR, MONTH_HOURS = 3600, 730
GIB = 2**30
COST, RECORDED = "groundwork:cost:per_second", "groundwork:cost:recorded"
CPU, MEMORY, STORAGE = "groundwork:requested:cpu_cores", "groundwork:requested:memory_bytes", "groundwork:storage:bytes"
TOKENS = "groundwork:tokens:rate5m"
# A Deployment's pod is called after it, its ReplicaSet and chance.
_POD = "(.+)-[a-z0-9]+-[a-z0-9]+"


def files(prices: Prices | None) -> dict[str, Config]:
    """The rule file, by name. Without `prices`, agents' manifests alone say what tokens cost."""
    return {"cost": {"groups": [group("cost", [*_used(), *_tokens(prices), *_infrastructure(prices)])]}}


def _used() -> list[Record]:
    tokens = "sum by (tenant, agent, model, direction) (rate(agent_tokens_total[5m]))"
    storage = 'label_replace(kubelet_volume_stats_capacity_bytes, "tenant", "$1", "namespace", "(.*)")'
    tenants = "group by (tenant) (agent_active_sessions)"
    return [
        Record(name=RECORDED, expr="vector(1)"),
        Record(name=TOKENS, expr=tokens),
        Record(name=CPU, expr=_requested("cpu")),
        Record(name=MEMORY, expr=_requested("memory")),
        # One volume is seen by every node that mounts it.
        Record(
            name=STORAGE,
            expr=f"sum by (tenant) (max by (tenant, persistentvolumeclaim) ({storage})) and on (tenant) {tenants}",
        ),
    ]


def _requested(resource: str) -> str:
    """Of agents' pods, sidecars included: known by their names, and by agents of these names being there."""
    asked = f'kube_pod_resource_request{{resource="{resource}"}}'
    tenant = f'label_replace({asked}, "tenant", "$1", "namespace", "(.*)")'
    agent = f'label_replace({tenant}, "agent", "$1", "pod", "{_POD}")'
    return f"sum by (tenant, agent) ({agent}) and on (tenant, agent) group by (tenant, agent) (agent_active_sessions)"


def _tokens(prices: Prices | None) -> list[Record]:
    models = prices.models if prices is not None else {}
    labels = {"kind": "tokens"}
    others = "".join(f',model!="{name}"' for name in sorted(models)).lstrip(",")
    by_manifest = f"sum by (tenant, agent, currency) (rate(agent_cost_total{{{others}}}[5m]))"
    if prices is None or not models:
        return [Record(name=COST, expr=by_manifest, labels=labels)]
    parts = [
        f'{TOKENS}{{model="{name}",direction="{direction}"}} * {amount / 1_000_000:.12g}'
        for name, price in sorted(models.items())
        for direction, amount in (
            ("input", price.input_per_million_tokens),
            ("output", price.output_per_million_tokens),
        )
    ]
    table = " or ".join(parts)
    return [
        Record(name=COST, expr=by_manifest, labels=labels),
        Record(
            name=COST,
            expr=f"sum by (tenant, agent) ({table})",
            labels={"kind": "tokens", "currency": prices.currency, "by": "table"},
        ),
    ]


def _infrastructure(prices: Prices | None) -> list[Record]:
    if prices is None:
        return []
    rates = (
        ("cpu", CPU, prices.cpu_core_hour, HOUR),
        ("memory", MEMORY, prices.memory_gib_hour, GIB * HOUR),
        ("storage", STORAGE, prices.storage_gib_month, GIB * HOUR * MONTH_HOURS),
    )
    return [
        Record(name=COST, expr=f"{used} * {price} / {unit}", labels={"kind": kind, "currency": prices.currency})
        for kind, used, price, unit in rates
        if price is not None
    ]
