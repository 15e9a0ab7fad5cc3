"""Prometheus: what it scrapes, which rules it goes by, whom it tells.  (docs/observability.md)"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pulumi
from pulumi_kubernetes.core.v1 import EmptyDirVolumeSourceArgs, VolumeArgs, VolumeMountArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicyEgressRuleArgs
from pulumi_kubernetes.rbac.v1 import ClusterRole, ClusterRoleBinding, PolicyRuleArgs, RoleRefArgs, SubjectArgs
from pydantic import JsonValue

from components.labels import platform_labels
from components.mesh import Door, Source, mesh_egress
from components.mesh.names import service_host
from components.network_policies import anywhere
from components.observability.names import (
    ALERTMANAGER,
    ALERTMANAGER_PORT,
    GRAFANA,
    NAMESPACE,
    PROMETHEUS,
    PROMETHEUS_PORT,
)
from components.observability.scraping import CERTIFICATES, Config, Scraping, mesh_tls
from components.observability.server import CONFIG, DATA, Part, Server, Store, amounts, from_pods, tcp
from components.units import address_of, format_duration

Rules = Mapping[str, Config]


@dataclass(frozen=True, kw_only=True)
class PrometheusArgs:
    """`rules`: files of rules by name. `retention`, `store`: the first that is reached ends what is kept.

    `replicas`: each scrapes everything and tells of every alert.
    """

    environment: str
    image: pulumi.Input[str]
    scraping: Scraping
    interval: timedelta
    rules: Rules
    retention: timedelta
    store: Store
    remote_write: str | None
    replicas: int = 1


class Prometheus(pulumi.ComponentResource):
    """Prometheus, with what it may ask the cluster."""

    def __init__(self, args: PrometheusArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:observability:Prometheus", PROMETHEUS, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        server = Server(args.environment, _part(args), child)
        name = f"groundwork-{PROMETHEUS}"
        meta = ObjectMetaArgs(name=name, labels=platform_labels(args.environment, PROMETHEUS))
        # Where pods and nodes are, and the numbers of the cluster's own components: nothing that could hold a secret.
        rules = [
            PolicyRuleArgs(api_groups=[""], resources=["pods", "nodes"], verbs=["get", "list", "watch"]),
            PolicyRuleArgs(api_groups=[""], resources=["nodes/metrics"], verbs=["get"]),
            PolicyRuleArgs(non_resource_urls=["/metrics", "/metrics/resources"], verbs=["get"]),
        ]
        role = ClusterRole(name, metadata=meta, rules=rules, opts=child)
        ClusterRoleBinding(
            name,
            metadata=meta,
            role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=role.metadata.name),
            subjects=[SubjectArgs(kind="ServiceAccount", name=server.account.metadata.name, namespace=NAMESPACE)],
            opts=child,
        )
        self.register_outputs({})


def config(args: PrometheusArgs) -> Config:
    """What Prometheus reads."""
    interval = format_duration(args.interval)
    managers: Config = {
        "scheme": "https",
        "tls_config": mesh_tls(),
        "static_configs": [{"targets": [f"{service_host(ALERTMANAGER, NAMESPACE)}:{ALERTMANAGER_PORT}"]}],
    }
    labels: Config = {"environment": args.environment}
    alerting: Config = {"alertmanagers": [managers]}
    if args.replicas > 1:
        # Numbers that are handed on say whose they are; alerts do not, so that Alertmanager takes two for one.
        labels["replica"] = "${POD_NAME}"
        alerting["alert_relabel_configs"] = [{"regex": "replica", "action": "labeldrop"}]
    made: Config = {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": format_duration(min(args.interval, timedelta(seconds=10))),
            "evaluation_interval": format_duration(min(args.interval, timedelta(seconds=15))),
            "external_labels": labels,
        },
        "rule_files": [f"{CONFIG}/rules-*.yaml"],
        "scrape_configs": args.scraping.jobs(),
        "alerting": alerting,
        "storage": {"exemplars": {"max_exemplars": 20_000}},
    }
    if args.remote_write is not None:
        made["remote_write"] = [{"url": args.remote_write, "send_exemplars": True}]
    return made


def _part(args: PrometheusArgs) -> Part:
    files = {"prometheus.yaml": config(args)} | {f"rules-{name}.yaml": file for name, file in args.rules.items()}
    return Part(
        name=PROMETHEUS,
        image=args.image,
        ports={"web": PROMETHEUS_PORT},
        health=PROMETHEUS_PORT,
        live="/-/healthy",
        ready="/-/ready",
        arguments=[
            f"--config.file={CONFIG}/prometheus.yaml",
            f"--storage.tsdb.path={DATA}",
            f"--storage.tsdb.retention.time={format_duration(args.retention)}",
            # The write-ahead log and the newest two hours come on top.
            f"--storage.tsdb.retention.size={args.store.size * 6 // 10}B",
            # New rules are read within half a minute after the kubelet brought them; nothing that is kept is lost.
            "--enable-feature=exemplar-storage,auto-reload-config",
            "--query.timeout=30s",
            "--query.max-concurrency=4",
            "--log.format=json",
            "--log.level=warn",
        ],
        resources=amounts(cpu="100m", memory=192, memory_limit=1024),
        doors=[Door(sources=[Source(namespace=NAMESPACE, account=GRAFANA)], ports=[PROMETHEUS_PORT])],
        callers=[from_pods(GRAFANA, ports=[PROMETHEUS_PORT])],
        # What it scrapes is everywhere: pods, nodes, the API server.
        reaches=[
            *mesh_egress(),
            NetworkPolicyEgressRuleArgs(
                to=[anywhere()],
                ports=[tcp(port) for port in sorted({*args.scraping.ports(), *_outside(args.remote_write)})],
            ),
        ],
        config={name: dumped(file) for name, file in files.items()},
        reloads=True,
        store=args.store,
        env={"GOMAXPROCS": "1", "GOGC": "50"},
        notes=_notes(),
        volumes=[
            VolumeArgs(name="certificates", empty_dir=EmptyDirVolumeSourceArgs(medium="Memory", size_limit="1Mi"))
        ],
        mounts=[VolumeMountArgs(name="certificates", mount_path=CERTIFICATES, read_only=True)],
        token=True,
        drain_seconds=30,
        replicas=args.replicas,
    )


def _outside(remote_write: str | None) -> list[int]:
    """The port that numbers are handed on to."""
    return [address_of(remote_write).port] if remote_write else []


def _notes() -> dict[str, str]:
    """It calls pods by their addresses, which no sidecar knows a service for: the sidecar hands it the mesh's
    certificate, and only answers for it.
    """
    mount = {"mountPath": CERTIFICATES}
    return {
        "proxy.istio.io/config": json.dumps({"proxyMetadata": {"OUTPUT_CERTS": CERTIFICATES}}),
        "sidecar.istio.io/userVolumeMount": json.dumps({"certificates": mount}),
        "traffic.sidecar.istio.io/includeOutboundIPRanges": "",
    }


def dumped(file: JsonValue) -> str:
    """As the servers read it: JSON is YAML."""
    return json.dumps(file, indent=1, sort_keys=True)
