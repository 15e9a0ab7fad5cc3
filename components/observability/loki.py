"""Loki: the logs of every pod, found by namespace, server and container.  (docs/observability.md)"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pulumi

from components.mesh import Door, Source, mesh_egress
from components.observability.names import COLLECTOR, GRAFANA, LOKI, LOKI_PORT, NAMESPACE, PROMETHEUS
from components.observability.prometheus import dumped
from components.observability.scraping import Config
from components.observability.server import CONFIG, DATA, Part, Store, amounts, from_pods
from components.units import format_duration

# What a stream is told apart by. All else (pod, trace) stands beside the line: as labels they would be streams of a
# few lines each.
_INDEXED = ("k8s.namespace.name", "k8s.container.name", "service.name")


@dataclass(frozen=True, kw_only=True)
class LokiArgs:
    """`retention`: lines older than this are deleted."""

    image: pulumi.Input[str]
    retention: timedelta
    store: Store


def config(retention: timedelta) -> Config:
    """One process that does all of Loki's parts, on files."""
    attributes: Config = {
        "ignore_defaults": True,
        "attributes_config": [{"action": "index_label", "attributes": [*_INDEXED]}],
    }
    return {
        "auth_enabled": False,
        "analytics": {"reporting_enabled": False},
        "server": {
            "http_listen_port": LOKI_PORT,
            # Its parts speak to each other over this; nobody else is to.
            "grpc_listen_address": "127.0.0.1",
            "log_level": "warn",
            "log_format": "json",
        },
        "common": {
            "path_prefix": DATA,
            "replication_factor": 1,
            "instance_addr": "127.0.0.1",
            "ring": {"kvstore": {"store": "inmemory"}},
            "storage": {"filesystem": {"chunks_directory": f"{DATA}/chunks", "rules_directory": f"{DATA}/rules"}},
        },
        "schema_config": {
            "configs": [
                {
                    "from": "2024-01-01",
                    "store": "tsdb",
                    "object_store": "filesystem",
                    "schema": "v13",
                    "index": {"prefix": "index_", "period": "24h"},
                }
            ]
        },
        "ingester": {"chunk_idle_period": "30m", "wal": {"replay_memory_ceiling": "256MB"}},
        "query_range": {"parallelise_shardable_queries": False},
        "querier": {"max_concurrent": 2},
        "compactor": {
            "working_directory": f"{DATA}/compactor",
            "retention_enabled": True,
            "delete_request_store": "filesystem",
            "compaction_interval": "10m",
        },
        "limits_config": {
            "retention_period": format_duration(retention),
            "ingestion_rate_mb": 8,
            "ingestion_burst_size_mb": 16,
            "max_global_streams_per_user": 10_000,
            "allow_structured_metadata": True,
            "volume_enabled": False,
            "shard_streams": {"enabled": False},
            "otlp_config": {"resource_attributes": attributes},
        },
        "ruler": {"enable_api": False},
        "pattern_ingester": {"enabled": False},
    }


def part(args: LokiArgs) -> Part:
    """Loki as a server of the layer."""
    return Part(
        name=LOKI,
        image=args.image,
        ports={"web": LOKI_PORT},
        health=LOKI_PORT,
        live="/loki/api/v1/status/buildinfo",
        ready="/ready",
        arguments=[f"-config.file={CONFIG}/loki.yaml", "-target=all"],
        resources=amounts(cpu="50m", memory=192, memory_limit=768),
        doors=[
            Door(sources=[Source(namespace=NAMESPACE, account=name)], ports=[LOKI_PORT])
            for name in (COLLECTOR, GRAFANA, PROMETHEUS)
        ],
        callers=[from_pods(COLLECTOR, GRAFANA, PROMETHEUS, ports=[LOKI_PORT])],
        reaches=mesh_egress(),
        config={"loki.yaml": dumped(config(args.retention))},
        store=args.store,
        env={"GOMAXPROCS": "1"},
        drain_seconds=30,
    )
