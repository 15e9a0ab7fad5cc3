"""Grafana: the same figures as pictures, with its data sources and dashboards as files.  (docs/observability.md)

It cannot be had without its image: an environment that names none has no Grafana, and `groundwork status` instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap, ConfigMapVolumeSourceArgs, VolumeArgs, VolumeMountArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.labels import platform_labels
from components.mesh import Door, Source, mesh_egress
from components.observability.names import (
    ALERTMANAGER,
    ALERTMANAGER_PORT,
    GRAFANA,
    GRAFANA_PORT,
    LOKI,
    LOKI_PORT,
    NAMESPACE,
    PROMETHEUS,
    PROMETHEUS_PORT,
    TEMPO,
    TEMPO_PORT,
    TRACES,
    TRACES_QUERY,
    url,
)
from components.observability.prometheus import dumped
from components.observability.scraping import Config
from components.observability.server import DATA, Part, Store, amounts, from_pods, to_pods

DASHBOARDS = "/etc/dashboards"


@dataclass(frozen=True, kw_only=True)
class GrafanaArgs:
    """`dashboards`: by name, as Grafana's JSON has them. `tempo`: traces are in Tempo."""

    environment: str
    image: pulumi.Input[str]
    dashboards: Mapping[str, Config]
    tempo: bool
    storage_class: str | None


def sources(*, tempo: bool) -> Config:
    """The data sources, each with the way from one to the next: metric → trace → log line."""
    store, port, kind = (TEMPO, TEMPO_PORT, "tempo") if tempo else (TRACES, TRACES_QUERY, "jaeger")
    to_trace: Config = {"name": "trace_id", "datasourceUid": "traces"}
    derived: Config = {
        "name": "trace_id",
        "matcherRegex": '"trace_id":"([0-9a-f]{32})"',
        "datasourceUid": "traces",
        "url": "$${__value.raw}",
    }
    listed: list[Config] = [
        _source(
            "prometheus", "prometheus", url(PROMETHEUS, PROMETHEUS_PORT), {"exemplarTraceIdDestinations": [to_trace]}
        ),
        _source("loki", "loki", url(LOKI, LOKI_PORT), {"derivedFields": [derived]}),
        _source(
            "traces", kind, url(store, port), {"tracesToLogsV2": {"datasourceUid": "loki", "filterByTraceID": True}}
        ),
        _source("alertmanager", "alertmanager", url(ALERTMANAGER, ALERTMANAGER_PORT), {"implementation": "prometheus"}),
    ]
    return {"apiVersion": 1, "datasources": [*listed]}


def _source(uid: str, kind: str, address: str, data: Config) -> Config:
    return {
        "uid": uid,
        "name": uid,
        "type": kind,
        "access": "proxy",
        "url": address,
        "isDefault": uid == "prometheus",
        "editable": False,
        "jsonData": data,
    }


def part(args: GrafanaArgs, opts: pulumi.ResourceOptions) -> Part:
    """Grafana as a server of the layer. Nobody reaches it from outside: a port-forward does, as its administrator."""
    provider: Config = {"name": "platform", "type": "file", "options": {"path": DASHBOARDS}, "allowUiUpdates": False}
    files = {
        "datasources.yaml": dumped(sources(tempo=args.tempo)),
        "dashboards.yaml": dumped({"apiVersion": 1, "providers": [provider]}),
    }
    boards = ConfigMap(
        "grafana-dashboards",
        metadata=ObjectMetaArgs(
            name="grafana-dashboards", namespace=NAMESPACE, labels=platform_labels(args.environment, GRAFANA)
        ),
        data={f"{name}.json": dumped(board) for name, board in args.dashboards.items()},
        opts=opts,
    )
    store, port = (TEMPO, TEMPO_PORT) if args.tempo else (TRACES, TRACES_QUERY)
    provisioning = "/etc/grafana-provisioning"
    return Part(
        name=GRAFANA,
        image=args.image,
        ports={"web": GRAFANA_PORT},
        health=GRAFANA_PORT,
        live="/api/health",
        ready="/api/health",
        arguments=[],
        resources=amounts(cpu="50m", memory=128, memory_limit=384),
        doors=[Door(sources=[Source(namespace=NAMESPACE, account=PROMETHEUS)], ports=[GRAFANA_PORT])],
        callers=[from_pods(PROMETHEUS, ports=[GRAFANA_PORT])],
        reaches=[
            *mesh_egress(),
            to_pods(PROMETHEUS, ports=[PROMETHEUS_PORT]),
            to_pods(ALERTMANAGER, ports=[ALERTMANAGER_PORT]),
            to_pods(LOKI, ports=[LOKI_PORT]),
            to_pods(store, ports=[port]),
        ],
        config=files,
        store=Store(size=256 * 2**20, storage_class=args.storage_class),
        env={
            "GF_PATHS_DATA": DATA,
            "GF_PATHS_PROVISIONING": provisioning,
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
            "GF_AUTH_ANONYMOUS_ENABLED": "true",
            "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
            "GF_AUTH_DISABLE_LOGIN_FORM": "true",
            "GF_LOG_MODE": "console",
        },
        volumes=[
            VolumeArgs(name="dashboards", config_map=ConfigMapVolumeSourceArgs(name=boards.metadata.name)),
        ],
        mounts=[
            VolumeMountArgs(name="dashboards", mount_path=DASHBOARDS, read_only=True),
            *(
                VolumeMountArgs(
                    name="config",
                    mount_path=f"{provisioning}/{kind}/{kind}.yaml",
                    sub_path=f"{kind}.yaml",
                    read_only=True,
                )
                for kind in ("datasources", "dashboards")
            ),
        ],
    )
