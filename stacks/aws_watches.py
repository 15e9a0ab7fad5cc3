"""What is watched in an AWS environment, and which value is too much.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from components.agents.ecs_telemetry import namespace
from components.observability.aws import Graph, LogWatch, Watch

GIB = 2**30


def edge_watches(balancer: pulumi.Input[str]) -> Mapping[str, Watch]:
    """What clients feel. `balancer`: the load balancer's ARN suffix."""
    dimensions = {"LoadBalancer": balancer}

    def edge(metric: str, limit: float, meaning: str, **more: str) -> Watch:
        return Watch(
            metric=metric,
            namespace="AWS/ApplicationELB",
            dimensions=dimensions,
            limit=limit,
            meaning=meaning,
            statistic=more.get("statistic", "Sum"),
            percentile=more.get("percentile"),
        )

    return {
        "edge-errors": edge("HTTPCode_ELB_5XX_Count", 5, "The load balancer answers 5xx itself"),
        "target-errors": edge("HTTPCode_Target_5XX_Count", 5, "Agents or the gateway answer 5xx"),
        # The heavy tier's promise is a second (components/agents/manifest.py).
        "slow": edge(
            "TargetResponseTime", 1.0, "The slowest hundredth of answers takes above a second", percentile="p99"
        ),
        "rejected": edge("RejectedConnectionCount", 0, "The load balancer turns connections away"),
    }


def target_watches(balancer: pulumi.Input[str], target: pulumi.Input[str]) -> Mapping[str, Watch]:
    """What is behind the load balancer."""
    return {
        "unhealthy": Watch(
            metric="UnHealthyHostCount",
            namespace="AWS/ApplicationELB",
            dimensions={"LoadBalancer": balancer, "TargetGroup": target},
            limit=0,
            meaning="Gateway targets fail their health check",
            statistic="Maximum",
        )
    }


def data_watches(database: pulumi.Input[str], cache: pulumi.Input[str], storage: int) -> Mapping[str, Watch]:
    """The stores. `storage`: the database's, GiB."""

    def rds(metric: str, limit: float, meaning: str, *, below: bool = False) -> Watch:
        where = {"DBInstanceIdentifier": database}
        return Watch(
            metric=metric, namespace="AWS/RDS", dimensions=where, limit=limit, meaning=meaning, below=below, minutes=10
        )

    def redis(metric: str, limit: float, meaning: str) -> Watch:
        where = {"ReplicationGroupId": cache}
        return Watch(
            metric=metric, namespace="AWS/ElastiCache", dimensions=where, limit=limit, meaning=meaning, minutes=10
        )

    return {
        "database-cpu": rds("CPUUtilization", 80, "The database computes above 80 %"),
        "database-storage": rds(
            "FreeStorageSpace", storage * GIB / 10, "The database's disk is nine tenths full", below=True
        ),
        "database-memory": rds("FreeableMemory", GIB / 4, "The database has below 256 MiB of memory", below=True),
        "cache-cpu": redis("EngineCPUUtilization", 80, "The cache computes above 80 %"),
        "cache-memory": redis("DatabaseMemoryUsagePercentage", 80, "The cache's memory is above 80 %"),
        "cache-evictions": redis("Evictions", 0, "The cache throws away what is not expired"),
    }


_ANONYMOUS = " && ".join(
    (
        '$.user.username = "system:anonymous"',
        "$.responseStatus.code < 400",
        *(f'$.requestURI != "/{path}*"' for path in ("livez", "readyz", "healthz", "version")),
    )
)


def eks_logs(group: pulumi.Input[str]) -> Mapping[str, LogWatch]:
    """What the control plane's audit log must not say."""
    return {
        "anonymous": LogWatch(
            group=group,
            pattern=f"{{ {_ANONYMOUS} }}",
            meaning="Somebody without a name was answered by the API server",
        ),
        "forbidden": LogWatch(
            group=group,
            pattern="{ $.responseStatus.code = 403 }",
            meaning="The API server refuses many requests",
            lines=50,
        ),
    }


def ecs_logs(group: pulumi.Input[str]) -> Mapping[str, LogWatch]:
    """What the services' logs should not say often. They are JSON, with a level."""
    return {
        "errors": LogWatch(group=group, pattern='{ $.level = "error" }', meaning="Services write many errors", lines=20)
    }


def ecs_graphs(environment: str) -> Mapping[str, Graph]:
    """What agents say of themselves, by tenant and agent."""

    def graph(metric: str, statistic: str = "Sum", *, by: str | None = None) -> Graph:
        dimensions = ("tenant", "agent", *([by] if by else []))
        return Graph(metric=metric, namespace=namespace(environment), dimensions=dimensions, statistic=statistic)

    return {
        "Agents: requests a minute, by status": graph("agent_requests_total", by="status"),
        "Agents: errors a minute, by type": graph("agent_errors_total", by="type"),
        "Agents: seconds of a request, mean": graph("agent_request_duration_seconds", "Average"),
        "Agents: seconds without the model, mean": graph("agent_overhead_seconds", "Average"),
        "Agents: tokens a minute, by direction": graph("agent_tokens_total", by="direction"),
        "Agents: cost a minute": graph("agent_cost_total"),
        "Agents: sessions": graph("agent_active_sessions"),
        "Agents: requests being served": graph("agent_requests_in_flight"),
    }
