"""Alertmanager: who is told of which alert, and which alert hides which.  (docs/observability.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.networking.v1 import NetworkPolicyEgressRuleArgs

from components.mesh import Door, Source, mesh_egress
from components.network_policies import anywhere
from components.observability.names import ALERTMANAGER, ALERTMANAGER_PORT, GRAFANA, NAMESPACE, PROMETHEUS
from components.observability.prometheus import dumped
from components.observability.scraping import Config
from components.observability.server import CONFIG, DATA, Part, Store, amounts, from_pods, tcp
from components.units import address_of

_MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class AlertmanagerArgs:
    """`webhook`: what every alert is sent to; None keeps them where they can be looked at."""

    image: pulumi.Input[str]
    webhook: str | None
    storage_class: str | None


def config(webhook: str | None) -> Config:
    """One group a tenant and alert, so that one tenant's trouble holds up nobody else's; pages sooner than the rest."""
    hooks: list[Config] = [{"url": webhook, "send_resolved": True}] if webhook else []
    page: Config = {
        "matchers": ['severity="page"'],
        "receiver": "default",
        "group_wait": "5s",
        "group_interval": "30s",
        "repeat_interval": "1h",
    }
    hidden: list[Config] = [
        # Of one tenant's, the worst is told.
        _hides('severity="page"', 'severity=~"warning|ticket"', ["tenant", "alertname"]),
        _hides('severity="page",tenant!=""', 'severity=~"warning|ticket",tenant!=""', ["tenant", "slo"]),
        # With no collector, everything that it would bring is missing too.
        _hides('alertname="CollectorDown"', 'alertname="TelemetryRefused"', ["environment"]),
        _hides('alertname=~"CollectorDown|LokiDown"', 'alertname="TargetDown",job=~"collector|loki"', ["environment"]),
    ]
    return {
        "route": {
            "receiver": "default",
            "group_by": ["tenant", "alertname"],
            "group_wait": "30s",
            "group_interval": "1m",
            "repeat_interval": "4h",
            "routes": [page],
        },
        "receivers": [{"name": "default", "webhook_configs": [*hooks]}],
        "inhibit_rules": [*hidden],
    }


def _hides(source: str, target: str, equal: list[str]) -> Config:
    return {
        "source_matchers": [*source.split(",")],
        "target_matchers": [*target.split(",")],
        "equal": [*equal],
    }


def part(args: AlertmanagerArgs) -> Part:
    """Alertmanager as a server of the layer."""
    reaches = [*mesh_egress()]
    if args.webhook is not None:
        reaches.append(NetworkPolicyEgressRuleArgs(to=[anywhere()], ports=[tcp(address_of(args.webhook).port)]))
    return Part(
        name=ALERTMANAGER,
        image=args.image,
        ports={"web": ALERTMANAGER_PORT},
        health=ALERTMANAGER_PORT,
        live="/-/healthy",
        ready="/-/ready",
        arguments=[
            f"--config.file={CONFIG}/alertmanager.yaml",
            f"--storage.path={DATA}",
            "--cluster.listen-address=",
            "--log.format=json",
            "--log.level=warn",
        ],
        resources=amounts(cpu="10m", memory=48, memory_limit=192),
        doors=[
            Door(sources=[Source(namespace=NAMESPACE, account=name)], ports=[ALERTMANAGER_PORT])
            for name in (PROMETHEUS, GRAFANA)
        ],
        callers=[from_pods(PROMETHEUS, GRAFANA, ports=[ALERTMANAGER_PORT])],
        reaches=reaches,
        config={"alertmanager.yaml": dumped(config(args.webhook))},
        # Silences, and what was told to whom.
        store=Store(size=64 * _MIB, storage_class=args.storage_class),
        env={"GOMAXPROCS": "1"},
    )
