"""What Prometheus scrapes, and how it gets in.  (docs/observability.md, decision 14)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from pydantic import JsonValue

from components.mesh.names import GATEWAY_NAMESPACE, SIDECAR_METRICS_PORT
from components.mesh.names import NAMESPACE as MESH_NAMESPACE
from components.observability.names import (
    AGENT,
    ALERTMANAGER,
    ALERTMANAGER_PORT,
    COLLECTOR,
    COLLECTOR_METRICS,
    LOKI,
    LOKI_PORT,
    NAMESPACE,
    NODE_NAMESPACE,
    PROMETHEUS_PORT,
    TRACES,
    TRACES_ADMIN,
)
from components.secrets.names import NAMESPACE as SECRETS_NAMESPACE
from components.secrets.names import SNAPSHOTS

Config = dict[str, JsonValue]
CERTIFICATES = "/etc/istio-output-certs"
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 – a path
_META = "__meta_kubernetes"
# What Envoy is asked for and nobody looks at; a histogram of it costs twenty series a pod.
_ENVOY_DROPPED = "envoy_(cluster_manager|listener_manager|runtime|filesystem|dns_|http_tracing|workload|main_thread).*"
# Of a component of Kubernetes, what dashboards and alerts read. The rest is some thousand series a process.
_KUBERNETES_KEPT = (
    "up|process_(cpu_seconds_total|resident_memory_bytes|open_fds|start_time_seconds)|go_goroutines"
    "|rest_client_requests_total|workqueue_(depth|adds_total|retries_total)|apiserver_request_total"
    "|apiserver_current_inflight_requests|apiserver_storage_objects|etcd_requests_total"
    "|scheduler_(pending_pods|schedule_attempts_total)|kubelet_(running_pods|running_containers|node_name"
    "|runtime_operations_errors_total|pleg_last_seen_seconds)|kubeproxy_sync_proxy_rules_last_timestamp_seconds"
    "|metrics_server_kubelet_last_request_time_seconds|node_collector_unhealthy_nodes_in_zone"
    "|kubelet_volume_stats_(used|capacity)_bytes"
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """Pods to scrape: those with `labels` (name → regular expression) in `namespace` (any, where None), on `port`.

    `mesh`: the port is behind a sidecar, which asks for a certificate of the mesh. `dropped`: names of metrics.
    `interval`: where it is not the environment's: what a page goes by must not come late. `or_tls`: a pod may say that
    its port asks for TLS; that the address is the pod's is what the API server says.
    """

    name: str
    port: int
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: str | None = None
    container: str | None = None
    path: str = "/metrics"
    mesh: bool = True
    dropped: str | None = None
    relabel: Sequence[Config] = ()
    interval: str | None = None
    or_tls: bool = False

    def config(self) -> Config:
        """As Prometheus reads it."""
        keep: list[JsonValue] = [_keep("pod_phase", "Running"), _keep("pod_ip", ".+")]
        if self.namespace is not None:
            keep.append(_keep("namespace", self.namespace))
        if self.container is not None:
            keep.append(_keep("pod_container_name", self.container))
        keep += [_keep(f"pod_label_{_label(name)}", value) for name, value in self.labels.items()]
        job: Config = {
            "job_name": self.name,
            "metrics_path": self.path,
            "fallback_scrape_protocol": "PrometheusText0.0.4",
            "scheme": "https" if self.mesh else "http",
            "kubernetes_sd_configs": [{"role": "pod"}],
            "relabel_configs": [*keep, *_pod_target(self.port), *([_AS_THE_POD_SAYS] if self.or_tls else [])],
            "metric_relabel_configs": [*([_drop(self.dropped)] if self.dropped else []), *self.relabel],
        }
        if self.mesh:
            job["tls_config"] = mesh_tls()
            # A sidecar offers HTTP/2 for any port, and hands what comes to a port of no Service through as it is.
            job["enable_http2"] = False
        if self.or_tls:
            job["tls_config"] = {"insecure_skip_verify": True}
        if self.interval is not None:
            job["scrape_interval"] = self.interval
        return job


_AS_THE_POD_SAYS: Config = {
    "source_labels": [f"{_META}_pod_annotation_prometheus_io_scheme"],
    "regex": "(https)",
    "target_label": "__scheme__",
}


def _label(name: str) -> str:
    return name.replace("/", "_").replace(".", "_").replace("-", "_")


def _keep(meta: str, value: str) -> Config:
    return {"source_labels": [f"{_META}_{meta}"], "regex": value, "action": "keep"}


def _drop(names: str) -> Config:
    return {"source_labels": ["__name__"], "regex": names, "action": "drop"}


def _pod_target(port: int) -> list[JsonValue]:
    """One target a pod, whatever ports its containers name, called by namespace, pod and server."""
    return [
        {"source_labels": [f"{_META}_pod_ip"], "target_label": "__address__", "replacement": f"$1:{port}"},
        {"source_labels": [f"{_META}_namespace"], "target_label": "namespace"},
        {"source_labels": [f"{_META}_pod_name"], "target_label": "pod"},
        {"source_labels": [f"{_META}_pod_label_groundwork_tenant"], "target_label": "tenant"},
        {"source_labels": [f"{_META}_pod_label_groundwork_agent"], "target_label": "agent"},
        {"source_labels": [f"{_META}_pod_label_app_kubernetes_io_name"], "target_label": "app"},
    ]


def mesh_tls() -> Config:
    """The pod's own certificate of the mesh. What answers has one too, but with a SPIFFE name, which Prometheus cannot
    check: that the address is the pod's is what the API server says.
    """
    return {
        "cert_file": f"{CERTIFICATES}/cert-chain.pem",
        "key_file": f"{CERTIFICATES}/key.pem",
        "insecure_skip_verify": True,
    }


# An agent's image may be the tenant's own: whose its numbers are is said by its pod's labels, and not by itself.
_NOT_BY_ITSELF: Sequence[Config] = ({"regex": "exported_(tenant|agent|namespace|pod|app)", "action": "labeldrop"},)
# Whom a request went to: Envoy knows an agent as its Service. The names are those of Istio's own metrics.
_SERVICE = r"outbound\|[0-9]+\|[^|]*\|([^.]+)\.([^.]+)\.svc.*"
_BY_DESTINATION: Sequence[Config] = tuple(
    {"source_labels": ["cluster_name"], "regex": _SERVICE, "target_label": label, "replacement": group}
    for label, group in (("destination_service_name", "$1"), ("destination_service_namespace", "$2"))
)

_NAME = "app.kubernetes.io/name"
JOBS: Sequence[Job] = (
    Job(name="agents", labels={"groundwork/agent": ".+"}, port=9090, relabel=_NOT_BY_ITSELF, interval="15s"),
    Job(
        name="sidecars",
        container="istio-proxy",
        port=SIDECAR_METRICS_PORT,
        path="/stats/prometheus",
        mesh=False,
        dropped=_ENVOY_DROPPED,
        relabel=_BY_DESTINATION,
    ),
    Job(name="istiod", namespace=MESH_NAMESPACE, labels={"app": "istiod"}, port=15014, mesh=False, dropped="go_.*"),
    Job(name="authorizer", namespace=GATEWAY_NAMESPACE, labels={_NAME: "authorizer"}, port=8080),
    Job(name="opa", namespace=GATEWAY_NAMESPACE, labels={_NAME: "authorizer"}, port=8282, dropped="go_.*"),
    Job(name="ratelimit", namespace=GATEWAY_NAMESPACE, labels={_NAME: "ratelimit"}, port=9090, dropped="go_.*"),
    Job(name="redis", namespace=GATEWAY_NAMESPACE, labels={_NAME: "redis"}, port=9121, dropped="go_.*"),
    Job(name="domains", namespace="groundwork-domains", labels={_NAME: "domains"}, port=9090),
    Job(name="zone-server", namespace="groundwork-domains", labels={_NAME: "domains"}, port=9153, dropped="go_.*"),
    Job(
        name="openbao",
        namespace=SECRETS_NAMESPACE,
        labels={_NAME: "openbao"},
        port=8202,
        path="/v1/sys/metrics",
        mesh=False,
        or_tls=True,
        dropped="go_.*",
    ),
    Job(
        name="external-secrets",
        namespace=SECRETS_NAMESPACE,
        labels={_NAME: "external-secrets"},
        port=8080,
        mesh=False,
        dropped="go_.*|controller_runtime_.*|workqueue_.*|rest_client_.*",
    ),
    Job(name="secret-rotator", namespace=SECRETS_NAMESPACE, labels={_NAME: "secret-rotator"}, port=8080, mesh=False),
    Job(name=SNAPSHOTS, namespace=SECRETS_NAMESPACE, labels={_NAME: SNAPSHOTS}, port=8080, mesh=False),
    Job(name=ALERTMANAGER, namespace=NAMESPACE, labels={_NAME: ALERTMANAGER}, port=ALERTMANAGER_PORT, dropped="go_.*"),
    Job(
        name=LOKI,
        namespace=NAMESPACE,
        labels={_NAME: LOKI},
        port=LOKI_PORT,
        dropped="go_.*|loki_(request_duration|inflight|boltdb|index_gateway|bloom|pattern|dataobj).*|dskit_.*|cortex_.*",
    ),
    Job(name=TRACES, namespace=NAMESPACE, labels={_NAME: TRACES}, port=TRACES_ADMIN, dropped="go_.*"),
    Job(name=COLLECTOR, namespace=NAMESPACE, labels={_NAME: COLLECTOR}, port=COLLECTOR_METRICS),
    Job(name=AGENT, namespace=NODE_NAMESPACE, labels={_NAME: AGENT}, port=COLLECTOR_METRICS),
)
# What is open in the namespaces of the platform's own servers: every port of theirs that a job above names.
PORTS: Mapping[str, Sequence[int]] = MappingProxyType(
    {
        namespace: sorted({job.port for job in JOBS if job.namespace == namespace})
        for namespace in sorted({job.namespace for job in JOBS if job.namespace is not None})
    }
)


@dataclass(frozen=True, kw_only=True)
class NodeJob:
    """A process on every node, on `port` of the node's address.

    `rights`: it asks who is there: a token of the cluster is shown, over TLS. Otherwise it is plain HTTP.
    """

    name: str
    port: int
    rights: bool
    path: str = "/metrics"
    kept: str | None = None

    def config(self) -> Config:
        """As Prometheus reads it."""
        job: Config = {
            "job_name": self.name,
            "metrics_path": self.path,
            "scheme": "https" if self.rights else "http",
            "kubernetes_sd_configs": [{"role": "node"}],
            "relabel_configs": [
                {
                    "source_labels": [f"{_META}_node_address_InternalIP"],
                    "target_label": "__address__",
                    "replacement": f"$1:{self.port}",
                },
                {"source_labels": [f"{_META}_node_name"], "target_label": "node"},
            ],
        }
        if self.kept:
            job["metric_relabel_configs"] = [{"source_labels": ["__name__"], "regex": self.kept, "action": "keep"}]
        return job | (_token() if self.rights else {})


def _token() -> Config:
    return {
        "authorization": {"credentials_file": f"{TOKEN}/token"},
        "tls_config": {"ca_file": f"{TOKEN}/ca.crt"},
    }


# Every cluster's nodes have these.
NODE_JOBS: Sequence[NodeJob] = (
    NodeJob(name="kubelet", port=10250, rights=True, kept=_KUBERNETES_KEPT),
    NodeJob(name="node", port=10250, rights=True, path="/metrics/resource"),
    NodeJob(name="machine", port=10250, rights=True, path="/metrics/cadvisor", kept="machine_(cpu_cores|memory_bytes)"),
)
# A node of this project's own, whose processes all can be seen (playbooks/roles). In a cloud they are the provider's.
OWN_NODE_JOBS: Sequence[NodeJob] = (
    NodeJob(
        name="etcd",
        port=2381,
        rights=False,
        kept="up|process_.*|etcd_(server_(has_leader|leader_changes_seen_total|proposals_.*|quota_backend_bytes)"
        "|mvcc_db_total_size_.*|disk_wal_fsync_duration_seconds_(sum|count))",
    ),
    NodeJob(name="kube-controller-manager", port=10257, rights=True, kept=_KUBERNETES_KEPT),
    NodeJob(name="kube-scheduler", port=10259, rights=True, kept=_KUBERNETES_KEPT),
    # What pods ask for, as the scheduler counts it: costs are made from it (docs/cost.md).
    NodeJob(
        name="pod-resources",
        port=10259,
        rights=True,
        path="/metrics/resources",
        kept="kube_pod_resource_(request|limit)",
    ),
    NodeJob(name="kube-proxy", port=10249, rights=False, kept=_KUBERNETES_KEPT),
    NodeJob(name="metrics-server", port=10251, rights=True, kept=_KUBERNETES_KEPT),
    NodeJob(name="coredns", port=9153, rights=False, kept="up|process_.*|coredns_(dns|forward|panics|cache).*_total"),
    NodeJob(name="containerd", port=1338, rights=False, path="/v1/metrics", kept="up|process_.*|containerd_.*"),
)
APISERVER = "kube-apiserver"


def own(name: str, port: int) -> Config:
    """Prometheus itself, in its own pod."""
    target: Config = {"targets": [f"127.0.0.1:{port}"], "labels": {"namespace": NAMESPACE}}
    return {"job_name": name, "static_configs": [target], "metric_relabel_configs": [_drop("go_.*")]}


def apiserver() -> Config:
    """The API server, at the address that every pod reaches it at."""
    job: Config = {
        "job_name": APISERVER,
        "scheme": "https",
        "static_configs": [{"targets": ["kubernetes.default.svc:443"]}],
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": _KUBERNETES_KEPT, "action": "keep"},
        ],
    }
    return job | _token()


@dataclass(frozen=True, kw_only=True)
class Scraping:
    """All that is scraped. `own_node`: the nodes are this project's; `more`: jobs of other layers."""

    own_node: bool
    more: Sequence[Job] = ()

    def jobs(self) -> list[JsonValue]:
        """The jobs as Prometheus reads them."""
        pods = [job.config() for job in (*JOBS, *self.more)]
        nodes = [job.config() for job in self._nodes()]
        return [own("prometheus", PROMETHEUS_PORT), apiserver(), *pods, *nodes]

    def names(self) -> list[str]:
        """Every job's name."""
        pods = [job.name for job in (*JOBS, *self.more)]
        return ["prometheus", APISERVER, *pods, *(job.name for job in self._nodes())]

    def ports(self) -> list[int]:
        """Every port that is asked, and those of the API server: of its Service, of ours, of a cloud's."""
        pods, nodes = (job.port for job in (*JOBS, *self.more)), (job.port for job in self._nodes())
        return sorted({443, 6443, *pods, *nodes})

    def _nodes(self) -> Sequence[NodeJob]:
        return (*NODE_JOBS, *(OWN_NODE_JOBS if self.own_node else ()))
