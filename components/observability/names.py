"""Names of the observability layer that other parts point to."""

from __future__ import annotations

from components.mesh.names import OBSERVABILITY_NAMESPACE, service_host

NAMESPACE = OBSERVABILITY_NAMESPACE
# Reading the node's logs needs a mount that Pod Security *restricted* forbids: it has a namespace of its own.
NODE_NAMESPACE = "groundwork-node-logs"
PROMETHEUS, ALERTMANAGER, LOKI, TRACES = "prometheus", "alertmanager", "loki", "traces"
GRAFANA, TEMPO = "grafana", "tempo"
COLLECTOR, AGENT = "collector", "collector-agent"
PROMETHEUS_PORT, ALERTMANAGER_PORT, LOKI_PORT = 9090, 9093, 3100
OTLP_GRPC, OTLP_HTTP = 4317, 4318
TRACES_QUERY, TRACES_ADMIN = 16686, 14269
TEMPO_PORT, GRAFANA_PORT = 3200, 3000
COLLECTOR_METRICS, COLLECTOR_HEALTH = 8888, 13133


def url(server: str, port: int) -> str:
    """How pods of the mesh reach one of the layer's servers."""
    return f"http://{service_host(server, NAMESPACE)}:{port}"
