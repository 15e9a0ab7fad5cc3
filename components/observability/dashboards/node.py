"""Nodes and the control plane."""

from __future__ import annotations

from components.observability.dashboards.panels import WINDOW, Board, Panel

BOARD = Board(
    name="node",
    title="Node",
    variables={},
    panels=(
        Panel(
            title="Processor",
            unit="percentunit",
            lines={
                "{{node}}": f"max by (node) (rate(node_cpu_usage_seconds_total[{WINDOW}]))"
                " / max by (node) (machine_cpu_cores)"
            },
        ),
        Panel(
            title="Memory",
            unit="percentunit",
            lines={"{{node}}": "max by (node) (node_memory_working_set_bytes) / max by (node) (machine_memory_bytes)"},
        ),
        Panel(
            title="Processor, by namespace",
            unit="cores",
            lines={"{{namespace}}": f"sum by (namespace) (rate(pod_cpu_usage_seconds_total[{WINDOW}]))"},
        ),
        Panel(
            title="Memory, by namespace",
            unit="bytes",
            lines={"{{namespace}}": "sum by (namespace) (pod_memory_working_set_bytes)"},
        ),
        Panel(
            title="Processor that pods ask for, by namespace",
            unit="cores",
            lines={"{{namespace}}": 'sum by (namespace) (kube_pod_resource_request{resource="cpu"})'},
        ),
        Panel(title="Pods that run", unit="short", lines={"{{node}}": "kubelet_running_pods"}),
        Panel(title="Pods that wait", unit="short", lines={"{{queue}}": "sum by (queue) (scheduler_pending_pods)"}),
        Panel(
            title="Requests to the API server a second",
            unit="ops",
            lines={"{{code}}": f"sum by (code) (rate(apiserver_request_total[{WINDOW}]))"},
        ),
        Panel(title="etcd's data", unit="bytes", lines={"size": "etcd_mvcc_db_total_size_in_bytes"}),
    ),
)
