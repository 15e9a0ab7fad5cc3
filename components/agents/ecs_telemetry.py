"""What takes an agent's telemetry away on ECS: a collector in its task, which tells CloudWatch and X-Ray.

(docs/ecs.md)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pulumi
from pulumi_aws import iam
from pydantic import JsonValue

from components.agents.ecs_alarm import alarm
from components.agents.ecs_platform import Frame
from components.agents.fargate import MIB
from components.aws import Scope, child, document, statement
from components.observability.aws import Watch
from components.workload import refuse_other_than_digest

OTLP_PORT = 4318
TENANT = "groundwork.tenant"
# Seconds between two looks at the agent's figures, and minutes of silence until somebody is told.
SCRAPED_EVERY, SILENT = 60, 10
# Which of its figures CloudWatch is told, by the label that they are told apart by: it bills each combination.
FIGURES: Mapping[str | None, tuple[str, ...]] = MappingProxyType(
    {
        None: (
            "agent_cost_total",
            "agent_request_duration_seconds",
            "agent_first_byte_seconds",
            "agent_overhead_seconds",
            "agent_requests_in_flight",
            "agent_active_sessions",
            "up",
        ),
        "status": ("agent_requests_total",),
        "type": ("agent_errors_total",),
        "direction": ("agent_tokens_total",),
    }
)


@dataclass(frozen=True, kw_only=True)
class Telemetry:
    """The collector beside an agent. `image`: by digest; `trace_percent`: of the requests, those whose spans are kept.

    `cpu`: thousandths of a core; `memory`: bytes.
    """

    image: pulumi.Input[str]
    trace_percent: float
    cpu: int = 100
    memory: int = 128 * MIB

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)

    @property
    def variables(self) -> dict[str, str]:
        """What the agent is told. Its own choice, and not its caller's, is which requests are traced."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{OTLP_PORT}",
            "OTEL_TRACES_SAMPLER": "traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": f"{self.trace_percent / 100:g}",
        }


@dataclass(frozen=True, kw_only=True)
class Reported:
    """Whose figures they are, and where CloudWatch reads them. `scraped`: the port of the agent's metrics."""

    tenant: str
    agent: str
    environment: str
    region: str
    group: str
    scraped: int
    memory_mib: int


def namespace(environment: str) -> str:
    """Where CloudWatch has all agents' figures of an environment."""
    return f"Groundwork/{environment}/agents"


def stream(tenant: str, agent: str) -> str:
    """Where in the group an agent's figures are, those of all its tasks."""
    return f"{tenant}/{agent}"


def collector_config(reported: Reported) -> dict[str, JsonValue]:
    """As the collector reads it."""
    return {
        "receivers": {
            "otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{OTLP_PORT}"}}},
            "prometheus": {"config": {"scrape_configs": [_scraped(reported)]}},
        },
        "processors": {
            "memory_limiter": {
                "check_interval": "1s",
                "limit_mib": reported.memory_mib * 3 // 4,
                "spike_limit_mib": reported.memory_mib // 5,
            },
            "batch": {"timeout": "5s"},
            "resource": {"attributes": _named(reported)},
        },
        "exporters": {
            "awsemf": _figures(reported),
            "awsxray": {"region": reported.region, "indexed_attributes": [f"otel.resource.{TENANT}"]},
        },
        "service": {
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn", "encoding": "json"}},
            "pipelines": {
                "metrics": {
                    "receivers": ["prometheus"],
                    "processors": ["memory_limiter", "batch"],
                    "exporters": ["awsemf"],
                },
                "traces": {
                    "receivers": ["otlp"],
                    "processors": ["memory_limiter", "resource", "batch"],
                    "exporters": ["awsxray"],
                },
            },
        },
    }


def _scraped(reported: Reported) -> dict[str, JsonValue]:
    """The agent's metrics, of which what nobody is told is dropped at once."""
    told = "|".join(name for names in FIGURES.values() for name in names)
    whose: dict[str, JsonValue] = {"tenant": reported.tenant, "agent": reported.agent}
    return {
        "job_name": "agent",
        "scrape_interval": f"{SCRAPED_EVERY}s",
        "honor_labels": True,
        "static_configs": [{"targets": [f"127.0.0.1:{reported.scraped}"], "labels": whose}],
        # A histogram's are named with one of these behind.
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": f"({told})(_bucket|_sum|_count)?", "action": "keep"}
        ],
    }


def _figures(reported: Reported) -> dict[str, JsonValue]:
    """Rows of a log, of which CloudWatch makes metrics."""
    declared: list[JsonValue] = [
        {
            "dimensions": [["tenant", "agent", *([label] if label else [])]],
            "metric_name_selectors": [f"^{name}$" for name in names],
        }
        for label, names in FIGURES.items()
    ]
    return {
        "region": reported.region,
        "namespace": namespace(reported.environment),
        "log_group_name": reported.group,
        "log_stream_name": stream(reported.tenant, reported.agent),
        "dimension_rollup_option": "NoDimensionRollup",
        "metric_declarations": declared,
    }


def _named(reported: Reported) -> list[JsonValue]:
    """In X-Ray's map an agent has the name that others reach it by, whatever its image says of itself."""
    names = {"service.name": f"{reported.agent}.{reported.tenant}", TENANT: reported.tenant}
    return [{"key": key, "value": value, "action": "upsert"} for key, value in names.items()]


def tell(frame: Frame, role: iam.Role, scope: Scope, *, watched: bool) -> None:
    """Let an agent's identity write its own figures and spans. `watched`: somebody is told where none arrive."""
    made = iam.Policy(
        f"{frame.name}-telemetry",
        name=f"{frame.physical}-telemetry",
        policy=pulumi.Output.from_input(frame.platform.metrics_group).apply(
            lambda group: _policy(scope, f"log-group:{group}:log-stream:{stream(frame.tenant, frame.manifest.name)}")
        ),
        tags=dict(frame.tags),
        opts=child(frame.parent),
    )
    iam.RolePolicyAttachment(f"{frame.name}-telemetry", role=role.name, policy_arn=made.arn, opts=child(frame.parent))
    if watched:
        _silence(frame, scope)


def _policy(scope: Scope, streams: str) -> str:
    return document(
        statement(("logs:CreateLogStream", "logs:PutLogEvents"), scope.arn("logs", streams), sid="Figures"),
        # X-Ray knows no narrower right.
        statement("xray:PutTraceSegments", sid="Spans"),
    )


def _silence(frame: Frame, scope: Scope) -> None:
    watch = Watch(
        metric="up",
        namespace=namespace(scope.environment),
        dimensions={"tenant": frame.tenant, "agent": frame.manifest.name},
        limit=1,
        meaning=f"nothing is heard of {frame.alias}",
        below=True,
        statistic="Maximum",
        minutes=SILENT,
        silence_is_bad=True,
    )
    alarm(frame, "silent", watch)
