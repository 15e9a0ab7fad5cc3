"""The observability layer of an environment.  (docs/observability.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicySpecArgs,
)

from components.labels import ROLE, platform_labels, pod_security
from components.mesh import INJECTION, Door, Source, allow, mesh_egress
from components.mesh.egress import entries
from components.mesh.istio import istio
from components.mesh.names import NAMESPACE as MESH_NAMESPACE
from components.mesh.names import SIDECAR_METRICS_PORT, TRACING_PROVIDER
from components.observability import alertmanager, collector, grafana, loki, traces
from components.observability.names import NAMESPACE, NODE_NAMESPACE
from components.observability.names import PROMETHEUS as READER
from components.observability.node_logs import NodeLogs, NodeLogsArgs
from components.observability.prometheus import Prometheus, PrometheusArgs, Rules
from components.observability.rules import platform
from components.observability.scraping import PORTS, Config, Job, Scraping
from components.observability.server import Part, Server, Store, tcp
from components.secrets.names import NAMESPACE as SECRETS_NAMESPACE
from components.units import address_of


@dataclass(frozen=True, kw_only=True)
class Images:
    """By digest. `grafana`, `tempo`: None where they cannot be had; Jaeger then keeps the traces."""

    collector: pulumi.Input[str]
    prometheus: pulumi.Input[str]
    alertmanager: pulumi.Input[str]
    loki: pulumi.Input[str]
    traces: pulumi.Input[str]
    grafana: pulumi.Input[str] | None = None
    tempo: pulumi.Input[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """How long something is kept, and in how much room (bytes)."""

    retention: timedelta
    size: int


@dataclass(frozen=True, kw_only=True)
class ObservabilityArgs:
    """What the layer is made from.

    `rules`: files of rules for Prometheus, by name, beside the platform's own; `dashboards`: for Grafana, by name.
    `own_node`: the nodes' processes are this project's and can be seen; `log_folder`: where nodes keep pods' logs.
    `head`: per cent of requests that are traced; `keep`: of those that are neither failed nor longer than `slow`.
    `jobs`: what other layers have to be scraped. `replicas`: of Prometheus, each with a store in another zone.
    """

    environment: str
    images: Images
    metrics: Kept
    logs: Kept
    traces: Kept
    own_node: bool
    log_folder: str
    interval: timedelta = timedelta(seconds=30)
    head: float = 10.0
    keep: float = 100.0
    slow: timedelta = timedelta(seconds=1)
    storage_class: str | None = None
    webhook: str | None = None
    remote_write: str | None = None
    rules: Rules = field(default_factory=dict)
    dashboards: Mapping[str, Config] = field(default_factory=dict)
    jobs: Sequence[Job] = ()
    replicas: int = 1


class Observability(pulumi.ComponentResource):
    """Collector, Prometheus, Alertmanager, Loki, a store of traces; Grafana and Tempo where their images are given."""

    def __init__(self, name: str, args: ObservabilityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:observability:Observability", name, None, opts)
        self._args, self._labels = args, platform_labels(args.environment, "observability")
        child = pulumi.ResourceOptions(parent=self)
        labels = self._labels | pod_security() | INJECTION | {ROLE: "observability"}
        namespace = Namespace(NAMESPACE, metadata=ObjectMetaArgs(name=NAMESPACE, labels=labels), opts=child)
        inside = pulumi.ResourceOptions(parent=self, depends_on=[namespace])
        closed = NetworkPolicy("closed", metadata=self._meta("closed"), spec=_closed(), opts=inside)
        guarded = pulumi.ResourceOptions(parent=self, depends_on=[namespace, closed])
        self._outside(inside)
        for part in self._parts(inside):
            Server(args.environment, part, guarded)
        Prometheus(self._prometheus(), guarded)
        image = args.images.collector
        NodeLogs(NodeLogsArgs(environment=args.environment, image=image, folder=args.log_folder), guarded)
        self._doors(child)
        istio("Telemetry", name, self._meta("tracing", MESH_NAMESPACE), _tracing(args.head), guarded)
        self.register_outputs({})

    def _parts(self, opts: pulumi.ResourceOptions) -> list[Part]:
        args, images = self._args, self._args.images
        tempo = images.tempo is not None
        stored = traces.TracesArgs(
            image=images.tempo if images.tempo is not None else images.traces,
            retention=args.traces.retention,
            store=self._store(args.traces),
        )
        parts = [
            loki.part(loki.LokiArgs(image=images.loki, retention=args.logs.retention, store=self._store(args.logs))),
            traces.tempo(stored) if tempo else traces.part(stored),
            collector.part(
                collector.CollectorArgs(
                    image=images.collector,
                    keep=args.keep,
                    slow=args.slow,
                    storage_class=args.storage_class,
                    tempo=tempo,
                )
            ),
            alertmanager.part(
                alertmanager.AlertmanagerArgs(
                    image=images.alertmanager, webhook=args.webhook, storage_class=args.storage_class
                )
            ),
        ]
        if images.grafana is not None:
            wanted = grafana.GrafanaArgs(
                environment=args.environment,
                image=images.grafana,
                dashboards=args.dashboards,
                tempo=tempo,
                storage_class=args.storage_class,
            )
            parts.append(grafana.part(wanted, opts))
        return parts

    def _prometheus(self) -> PrometheusArgs:
        args = self._args
        return PrometheusArgs(
            environment=args.environment,
            image=args.images.prometheus,
            scraping=Scraping(own_node=args.own_node, more=args.jobs),
            interval=args.interval,
            rules={**platform(), **args.rules},
            retention=args.metrics.retention,
            store=self._store(args.metrics),
            remote_write=args.remote_write,
            replicas=args.replicas,
        )

    def _store(self, kept: Kept) -> Store:
        return Store(size=kept.size, storage_class=self._args.storage_class)

    def _outside(self, opts: pulumi.ResourceOptions) -> None:
        """What the layer's servers reach outside the cluster, for the mesh's registry."""
        webhook = self._args.webhook
        for host, spec in entries([address_of(webhook)] if webhook else []).items():
            istio("ServiceEntry", f"observability-{host}", self._meta("webhook"), spec, opts)

    def _doors(self, opts: pulumi.ResourceOptions) -> None:
        """The platform's own servers let Prometheus in while this layer is there: policies add up."""
        reader = Source(namespace=NAMESPACE, account=READER)
        for namespace, ports in PORTS.items():
            # Secrets' own policies let observability in: that namespace is not there in every environment.
            if namespace in {NAMESPACE, NODE_NAMESPACE, MESH_NAMESPACE, SECRETS_NAMESPACE}:
                continue
            meta = self._meta("observability", namespace)
            spec = _scraped(ports)
            NetworkPolicy(f"{namespace}-scraped", metadata=meta, spec=spec, opts=opts)
            allow(f"{namespace}-scraped", meta, [Door(sources=[reader], ports=ports)], opts=opts)

    def _meta(self, name: str, namespace: str = NAMESPACE) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=name, namespace=namespace, labels=self._labels)


def _closed() -> NetworkPolicySpecArgs:
    """Every pod here: closed, but for names, the mesh's control plane and the collector."""
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(), policy_types=["Ingress", "Egress"], egress=mesh_egress()
    )


def _scraped(ports: Sequence[int]) -> NetworkPolicySpecArgs:
    observers = NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels={ROLE: "observability"}))
    open_ = [tcp(port) for port in (*ports, SIDECAR_METRICS_PORT)]
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(),
        # Nothing to call: these namespaces are closed, and other policies of theirs say what each server may.
        policy_types=["Ingress", "Egress"],
        ingress=[NetworkPolicyIngressRuleArgs(from_=[observers], ports=open_)],
    )


def _tracing(head: float) -> Config:
    """Every proxy's: the gateway decides on a request that has no trace yet, all others go by its decision."""
    return {"tracing": [{"providers": [{"name": TRACING_PROVIDER}], "randomSamplingPercentage": head}]}
