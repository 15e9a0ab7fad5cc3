"""The OpenTelemetry Collector, twice: an agent on every node that reads its logs, and a gateway for everything.

(docs/observability.md)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pulumi
from pydantic import JsonValue

from components.mesh import Door, Source, mesh_egress
from components.mesh.names import service_host
from components.observability.names import (
    COLLECTOR,
    COLLECTOR_HEALTH,
    COLLECTOR_METRICS,
    LOKI,
    LOKI_PORT,
    NAMESPACE,
    NODE_NAMESPACE,
    OTLP_GRPC,
    OTLP_HTTP,
    PROMETHEUS,
    TEMPO,
    TRACES,
    url,
)
from components.observability.prometheus import dumped
from components.observability.scraping import Config
from components.observability.server import (
    CONFIG,
    DATA,
    Part,
    Store,
    amounts,
    from_pods,
    from_the_mesh,
    to_pods,
)
from components.units import format_duration

_MIB = 2**20
MEMORY_MIB = 256
# A batch that a store does not take is tried again this long, from disk; then it is dropped and counted.
RETRY = timedelta(hours=1)
STORAGE = DATA
# `<namespace>_<pod>_<uid>/<container>/<n>.log`; a Deployment's pod is named after it, its ReplicaSet and chance.
_POD = r"^(?P<service>.+?)(-[a-z0-9]{7,10})?-[a-z0-9]{5}$"
_TRACE = r'"trace_id":"(?P<trace_id>[0-9a-f]{32})"'


@dataclass(frozen=True, kw_only=True)
class CollectorArgs:
    """`keep`: per cent of the traces that are neither failed nor longer than `slow`. `tempo`: spans go to it."""

    image: pulumi.Input[str]
    keep: float
    slow: timedelta
    storage_class: str | None
    tempo: bool


def _common(storage: str) -> Config:
    """What both have: health, their own numbers, a bound on memory, a queue on disk."""
    reader: Config = {"pull": {"exporter": {"prometheus": {"host": "0.0.0.0", "port": COLLECTOR_METRICS}}}}  # noqa: S104 – in the pod
    return {
        "extensions": {
            "health_check": {"endpoint": f"0.0.0.0:{COLLECTOR_HEALTH}"},
            "file_storage": {"directory": storage, "compaction": {"on_start": True, "directory": storage}},
        },
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_percentage": 75, "spike_limit_percentage": 20},
            "batch": {"timeout": "1s", "send_batch_size": 1024, "send_batch_max_size": 2048},
        },
        "service": {
            "extensions": ["health_check", "file_storage"],
            "telemetry": {
                "metrics": {"level": "normal", "readers": [reader]},
                "logs": {"level": "warn", "encoding": "json"},
            },
        },
    }


def _exporter(endpoint: str, **more: JsonValue) -> Config:
    return {
        "endpoint": endpoint,
        "compression": "none",
        "retry_on_failure": {"enabled": True, "max_interval": "10s", "max_elapsed_time": format_duration(RETRY)},
        "sending_queue": {"enabled": True, "num_consumers": 1, "queue_size": 2000, "storage": "file_storage"},
        **more,
    }


def gateway_config(args: CollectorArgs) -> Config:
    """In: spans and logs over OTLP. Out: traces that are worth keeping, and all logs."""
    made = _common(STORAGE)
    policies: list[JsonValue] = [
        {"name": "failed", "type": "status_code", "status_code": {"status_codes": ["ERROR"]}},
        {
            "name": "slow",
            "type": "latency",
            "latency": {"threshold_ms": int(args.slow.total_seconds() * 1000)},
        },
        {"name": "rest", "type": "probabilistic", "probabilistic": {"sampling_percentage": args.keep}},
    ]
    # By namespace, as a log line has it: what a tenant's own processes say of themselves is not relied on.
    tenant = 'set(attributes["groundwork.tenant"], attributes["k8s.namespace.name"])'
    processors: Config = {
        "tail_sampling": {
            "decision_wait": "5s",
            "num_traces": 20_000,
            "expected_new_traces_per_sec": 100,
            "policies": policies,
        },
        "transform/tenant": {
            "error_mode": "ignore",
            "log_statements": [{"context": "resource", "statements": [tenant]}],
        },
    }
    receivers: Config = {
        "otlp": {
            "protocols": {
                "grpc": {"endpoint": f"0.0.0.0:{OTLP_GRPC}", "max_recv_msg_size_mib": 8},
                "http": {"endpoint": f"0.0.0.0:{OTLP_HTTP}"},
            }
        }
    }
    store = service_host(TEMPO if args.tempo else TRACES, NAMESPACE)
    exporters: Config = {
        "otlp/traces": _exporter(f"{store}:{OTLP_GRPC}", tls={"insecure": True}),
        "otlphttp/logs": _exporter(f"{url(LOKI, LOKI_PORT)}/otlp"),
    }
    pipelines: Config = {
        "traces": {
            "receivers": ["otlp"],
            "processors": ["memory_limiter", "tail_sampling", "batch"],
            "exporters": ["otlp/traces"],
        },
        "logs": {
            "receivers": ["otlp"],
            "processors": ["memory_limiter", "transform/tenant", "batch"],
            "exporters": ["otlphttp/logs"],
        },
    }
    return _merged(made, receivers=receivers, processors=processors, exporters=exporters, pipelines=pipelines)


def agent_config() -> Config:
    """In: the node's log files, from where it was the last time. Out: to the gateway, which the mesh carries it to."""
    operators: list[JsonValue] = [
        {"type": "container", "id": "container", "add_metadata_from_filepath": True},
        {
            "type": "regex_parser",
            "parse_from": 'resource["k8s.pod.name"]',
            "parse_to": "resource",
            "regex": _POD,
            "on_error": "send_quiet",
        },
        {
            "type": "move",
            "from": 'resource["service"]',
            "to": 'resource["service.name"]',
            "if": 'resource["service"] != nil',
        },
        {
            "type": "regex_parser",
            "parse_from": "body",
            "regex": _TRACE,
            "on_error": "send_quiet",
            "if": 'body contains "\\"trace_id\\":\\""',
        },
        # Known by the stream, or of no use.
        {"type": "remove", "field": 'attributes["log.file.path"]', "if": 'attributes["log.file.path"] != nil'},
        {"type": "remove", "field": "attributes.logtag", "if": "attributes.logtag != nil"},
    ]
    receivers: Config = {
        "filelog": {
            "include": ["/logs/*/*/*.log"],
            # Its own words about a store that is away would be lines for that store.
            "exclude": [f"/logs/{NODE_NAMESPACE}_*/*/*.log"],
            "start_at": "beginning",
            "include_file_path": True,
            "include_file_name": False,
            "poll_interval": "1s",
            "max_concurrent_files": 256,
            "storage": "file_storage",
            "retry_on_failure": {"enabled": True},
            "operators": operators,
        }
    }
    gateway = f"{service_host(COLLECTOR, NAMESPACE)}:{OTLP_GRPC}"
    exporters: Config = {"otlp": _exporter(gateway, tls={"insecure": True})}
    pipelines: Config = {
        "logs": {"receivers": ["filelog"], "processors": ["memory_limiter", "batch"], "exporters": ["otlp"]}
    }
    return _merged(_common(STORAGE), receivers=receivers, processors={}, exporters=exporters, pipelines=pipelines)


def _merged(made: Config, *, receivers: Config, processors: Config, exporters: Config, pipelines: Config) -> Config:
    known, service = made["processors"], made["service"]
    if not isinstance(known, dict) or not isinstance(service, dict):
        raise TypeError("a collector's configuration is made of mappings")
    return made | {
        "receivers": receivers,
        "processors": known | processors,
        "exporters": exporters,
        "service": service | {"pipelines": pipelines},
    }


def part(args: CollectorArgs) -> Part:
    """The gateway as a server of the layer. One: all spans of a trace must meet where it is decided on."""
    ports = {"grpc-otlp": OTLP_GRPC, "http-otlp": OTLP_HTTP, "metrics": COLLECTOR_METRICS}
    store = TEMPO if args.tempo else TRACES
    return Part(
        name=COLLECTOR,
        image=args.image,
        ports=ports,
        protocols={"grpc-otlp": "grpc"},
        health=COLLECTOR_HEALTH,
        live="/",
        ready="/",
        arguments=[f"--config={CONFIG}/collector.yaml"],
        resources=amounts(cpu="50m", memory=96, memory_limit=MEMORY_MIB),
        # Whoever is in the mesh may send; strict mTLS has seen to that.
        doors=[
            Door(ports=[OTLP_GRPC, OTLP_HTTP]),
            Door(sources=[Source(namespace=NAMESPACE, account=PROMETHEUS)], ports=[COLLECTOR_METRICS]),
        ],
        callers=[from_the_mesh([OTLP_GRPC, OTLP_HTTP]), from_pods(PROMETHEUS, ports=[COLLECTOR_METRICS])],
        reaches=[*mesh_egress(), to_pods(LOKI, ports=[LOKI_PORT]), to_pods(store, ports=[OTLP_GRPC])],
        config={"collector.yaml": dumped(gateway_config(args))},
        store=Store(size=256 * _MIB, storage_class=args.storage_class),
        env={"GOMAXPROCS": "1", "GOMEMLIMIT": f"{MEMORY_MIB * 3 // 4}MiB"},
    )
