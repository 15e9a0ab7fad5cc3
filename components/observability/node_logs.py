"""The collector's agent: one pod a node that reads its log files, and may do nothing else there.  (decision 14)"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import DaemonSet, DaemonSetSpecArgs
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    HostPathVolumeSourceArgs,
    Namespace,
    PodTemplateSpecArgs,
    ServiceAccount,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicySpecArgs,
)

from components.labels import ROLE, platform_labels, pod_security
from components.mesh import INJECTION, Door, Source, allow, mesh_egress
from components.mesh.names import SIDECAR_METRICS_PORT
from components.network_policies import closed
from components.observability.collector import STORAGE, agent_config
from components.observability.names import AGENT, COLLECTOR_HEALTH, COLLECTOR_METRICS, NAMESPACE, NODE_NAMESPACE
from components.observability.names import PROMETHEUS as READER
from components.observability.prometheus import dumped
from components.observability.server import CONFIG, amounts, tcp
from components.workload import ServerArgs, pod_spec

_SELECTOR = {"app.kubernetes.io/name": AGENT}
# Log files are root's, and its group may read them: with that group alone, no capability and no root is needed.
_GROUP = 0


@dataclass(frozen=True, kw_only=True)
class NodeLogsArgs:
    """`image`: by digest. `folder`: where the nodes' kubelets keep the logs of pods."""

    environment: str
    image: pulumi.Input[str]
    folder: str


class NodeLogs(pulumi.ComponentResource):
    """The agent on every node, in a namespace of its own.

    Only its mount of the log folder breaks Pod Security *restricted*: the namespace is `privileged` for that, and holds
    this one DaemonSet, which keeps to all the rest.
    """

    def __init__(self, args: NodeLogsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:observability:NodeLogs", AGENT, None, opts)
        self._args, self._labels = args, platform_labels(args.environment, AGENT)
        # Allowed, and still told of: in the API server's audit log and to whoever applies it.
        level = pod_security() | {"pod-security.kubernetes.io/enforce": "privileged"}
        meta = ObjectMetaArgs(name=NODE_NAMESPACE, labels=self._labels | level | INJECTION)
        namespace = Namespace(NODE_NAMESPACE, metadata=meta, opts=pulumi.ResourceOptions(parent=self))
        inside = pulumi.ResourceOptions(parent=self, depends_on=[namespace])
        account = ServiceAccount(AGENT, metadata=self._meta(AGENT), automount_service_account_token=False, opts=inside)
        door = Door(sources=[Source(namespace=NAMESPACE, account=READER)], ports=[COLLECTOR_METRICS])
        guards: list[pulumi.Resource] = [
            account,
            NetworkPolicy(f"{AGENT}-closed", metadata=self._meta("closed"), spec=closed(), opts=inside),
            NetworkPolicy(AGENT, metadata=self._meta(AGENT), spec=_network(), opts=inside),
            allow(f"{AGENT}-callers", self._meta(AGENT), [door], selector=_SELECTOR, opts=inside),
        ]
        spec = pod_spec(self._server(account, inside))
        DaemonSet(
            AGENT,
            metadata=self._meta(AGENT),
            spec=DaemonSetSpecArgs(
                selector=LabelSelectorArgs(match_labels=_SELECTOR),
                revision_history_limit=3,
                template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=self._labels), spec=spec),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=guards),
        )
        self.register_outputs({})

    def _server(self, account: ServiceAccount, opts: pulumi.ResourceOptions) -> ServerArgs:
        config = dumped(agent_config())
        name = f"{AGENT}-{hashlib.sha256(config.encode()).hexdigest()[:10]}"
        made = ConfigMap(
            f"{AGENT}-config", metadata=self._meta(name), immutable=True, data={"collector.yaml": config}, opts=opts
        )
        logs = HostPathVolumeSourceArgs(path=self._args.folder, type="Directory")
        return ServerArgs(
            name=AGENT,
            image=self._args.image,
            service_account=account.metadata.name,
            selector=_SELECTOR,
            ports={"metrics": COLLECTOR_METRICS, "http": COLLECTOR_HEALTH},
            resources=amounts(cpu="30m", memory=64, memory_limit=192),
            drain_seconds=5,
            env=[EnvVarArgs(name="GOMAXPROCS", value="1"), EnvVarArgs(name="GOMEMLIMIT", value="144MiB")],
            volumes=[
                VolumeArgs(name="config", config_map=ConfigMapVolumeSourceArgs(name=made.metadata.name)),
                VolumeArgs(name="data", empty_dir=EmptyDirVolumeSourceArgs(size_limit="256Mi")),
                VolumeArgs(name="logs", host_path=logs),
            ],
            mounts=[
                VolumeMountArgs(name="config", mount_path=CONFIG, read_only=True),
                VolumeMountArgs(name="data", mount_path=STORAGE),
                VolumeMountArgs(name="logs", mount_path="/logs", read_only=True),
            ],
            live="/",
            ready="/",
            arguments=[f"--config={CONFIG}/collector.yaml"],
            group=_GROUP,
        )

    def _meta(self, name: str) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=name, namespace=NODE_NAMESPACE, labels=self._labels)


def _network() -> NetworkPolicySpecArgs:
    """In: scrapes. Out: names, certificates, and the gateway, as every pod of the mesh."""
    observers = NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels={ROLE: "observability"}))
    egress: list[NetworkPolicyEgressRuleArgs] = mesh_egress()
    ports = [tcp(COLLECTOR_METRICS), tcp(SIDECAR_METRICS_PORT)]
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=_SELECTOR),
        policy_types=["Ingress", "Egress"],
        ingress=[NetworkPolicyIngressRuleArgs(from_=[observers], ports=ports)],
        egress=egress,
    )
