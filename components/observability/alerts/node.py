"""Nodes and the control plane: what runs, and what runs out."""

from __future__ import annotations

from datetime import timedelta

from components.observability.alerting import Alert

_RUNBOOK = "local-node"
_NODE = "{{ $labels.node }}"

ALERTS = (
    Alert(
        name="ApiServerDown",
        expr='absent(up{job="kube-apiserver"} == 1)',
        wait=timedelta(minutes=1),
        severity="page",
        summary="The API server does not answer: nothing can be changed, what runs goes on",
        runbook=_RUNBOOK,
    ),
    Alert(
        name="NodeDown",
        expr='up{job="kubelet"} == 0',
        wait=timedelta(minutes=2),
        severity="page",
        summary=f"The kubelet of {_NODE} does not answer",
        runbook=_RUNBOOK,
    ),
    Alert(
        name="NodeNotReady",
        expr="max(node_collector_unhealthy_nodes_in_zone) > 0",
        wait=timedelta(minutes=2),
        severity="page",
        summary="{{ $value }} nodes are not Ready",
        runbook=_RUNBOOK,
    ),
    Alert(
        name="NodeMemoryShort",
        expr="max by (node) (node_memory_working_set_bytes) / max by (node) (machine_memory_bytes) > 0.9",
        wait=timedelta(minutes=5),
        severity="warning",
        summary=f"{_NODE} uses {{{{ $value | humanizePercentage }}}} of its memory: pods will be evicted",
        runbook=_RUNBOOK,
    ),
    Alert(
        name="NodeProcessorFull",
        expr="max by (node) (rate(node_cpu_usage_seconds_total[10m])) / max by (node) (machine_cpu_cores) > 0.95",
        wait=timedelta(minutes=30),
        severity="warning",
        summary=f"{_NODE} uses {{{{ $value | humanizePercentage }}}} of its processors for half an hour",
        runbook=_RUNBOOK,
    ),
    Alert(
        name="PodsWithoutRoom",
        expr='max(scheduler_pending_pods{queue="unschedulable"}) > 0',
        wait=timedelta(minutes=10),
        severity="warning",
        summary="{{ $value }} pods have no node that has room for them",
        runbook=_RUNBOOK,
    ),
    Alert(
        name="VolumeFills",
        expr="max by (namespace, persistentvolumeclaim)"
        " (kubelet_volume_stats_used_bytes / kubelet_volume_stats_capacity_bytes) > 0.85",
        wait=timedelta(minutes=10),
        severity="warning",
        summary="{{ $labels.namespace }}/{{ $labels.persistentvolumeclaim }} is {{ $value | humanizePercentage }} full",
        runbook=_RUNBOOK,
    ),
    Alert(
        name="EtcdWithoutLeader",
        expr="min(etcd_server_has_leader) == 0",
        wait=timedelta(minutes=1),
        severity="page",
        summary="etcd has no leader: nothing can be changed",
        runbook=_RUNBOOK,
    ),
    Alert(
        name="EtcdFills",
        expr="max(etcd_mvcc_db_total_size_in_bytes) / max(etcd_server_quota_backend_bytes) > 0.8",
        wait=timedelta(minutes=5),
        severity="warning",
        summary="etcd uses {{ $value | humanizePercentage }} of what it may; at 100 % nothing can be changed",
        runbook=_RUNBOOK,
    ),
)
