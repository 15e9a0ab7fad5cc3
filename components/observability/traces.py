"""The store of traces that can be run anywhere: Jaeger, on files. Tempo takes its place where its image is given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pulumi
from pulumi_kubernetes.networking.v1 import NetworkPolicyIngressRuleArgs

from components.mesh import Door, Source, mesh_egress
from components.observability.names import (
    COLLECTOR,
    GRAFANA,
    NAMESPACE,
    OTLP_GRPC,
    PROMETHEUS,
    TEMPO,
    TEMPO_PORT,
    TRACES,
    TRACES_ADMIN,
    TRACES_QUERY,
)
from components.observability.prometheus import dumped
from components.observability.scraping import Config
from components.observability.server import CONFIG, DATA, Part, Store, amounts, from_pods


@dataclass(frozen=True, kw_only=True)
class TracesArgs:
    """`retention`: how long a span is kept."""

    image: pulumi.Input[str]
    retention: timedelta
    store: Store


def part(args: TracesArgs) -> Part:
    """Jaeger as a server of the layer."""
    return Part(
        name=TRACES,
        image=args.image,
        ports={"otlp": OTLP_GRPC, "query": TRACES_QUERY, "admin": TRACES_ADMIN},
        protocols={"otlp": "grpc"},
        health=TRACES_ADMIN,
        live="/",
        ready="/",
        arguments=[
            "--collector.otlp.enabled=true",
            f"--collector.otlp.grpc.host-port=0.0.0.0:{OTLP_GRPC}",
            "--log-level=warn",
        ],
        resources=amounts(cpu="20m", memory=96, memory_limit=512),
        doors=_doors(OTLP_GRPC, TRACES_QUERY, TRACES_ADMIN),
        callers=_callers(OTLP_GRPC, TRACES_QUERY, TRACES_ADMIN),
        reaches=mesh_egress(),
        store=args.store,
        env={
            "BADGER_DIRECTORY_KEY": f"{DATA}/keys",
            "BADGER_DIRECTORY_VALUE": f"{DATA}/values",
            "BADGER_SPAN_STORE_TTL": f"{int(args.retention.total_seconds())}s",
            "GOMAXPROCS": "1",
        },
        drain_seconds=15,
    )


def tempo(args: TracesArgs) -> Part:
    """Tempo as a server of the layer, under the name that spans are sent to."""
    return Part(
        name=TEMPO,
        image=args.image,
        ports={"otlp": OTLP_GRPC, "web": TEMPO_PORT},
        protocols={"otlp": "grpc"},
        health=TEMPO_PORT,
        live="/status/version",
        ready="/ready",
        arguments=[f"-config.file={CONFIG}/tempo.yaml", "-target=all"],
        resources=amounts(cpu="50m", memory=192, memory_limit=768),
        doors=_doors(OTLP_GRPC, TEMPO_PORT, TEMPO_PORT),
        callers=_callers(OTLP_GRPC, TEMPO_PORT, TEMPO_PORT),
        reaches=mesh_egress(),
        config={"tempo.yaml": dumped(_tempo(args.retention))},
        store=args.store,
        drain_seconds=30,
    )


def _tempo(retention: timedelta) -> Config:
    seconds = f"{int(retention.total_seconds())}s"
    return {
        "server": {"http_listen_port": TEMPO_PORT, "grpc_listen_address": "127.0.0.1", "log_level": "warn"},
        "distributor": {"receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"0.0.0.0:{OTLP_GRPC}"}}}}},
        "compactor": {"compaction": {"block_retention": seconds}},
        "storage": {"trace": {"backend": "local", "local": {"path": f"{DATA}/blocks"}, "wal": {"path": f"{DATA}/wal"}}},
        "usage_report": {"reporting_enabled": False},
    }


def _doors(otlp: int, query: int, admin: int) -> list[Door]:
    """Spans from the collector, questions from Grafana, numbers for Prometheus."""
    who = ((COLLECTOR, otlp), (GRAFANA, query), (PROMETHEUS, admin))
    return [Door(sources=[Source(namespace=NAMESPACE, account=name)], ports=[port]) for name, port in who]


def _callers(otlp: int, query: int, admin: int) -> list[NetworkPolicyIngressRuleArgs]:
    return [
        from_pods(COLLECTOR, ports=[otlp]),
        from_pods(GRAFANA, ports=[query]),
        from_pods(PROMETHEUS, ports=[admin]),
    ]
