"""One server of the layer with all that goes with it: who it is, who may call it, whom it calls, where it is found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apps.v1 import (
    Deployment,
    DeploymentSpecArgs,
    DeploymentStrategyArgs,
    StatefulSet,
    StatefulSetSpecArgs,
)
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    ObjectFieldSelectorArgs,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpecArgs,
    PersistentVolumeClaimVolumeSourceArgs,
    PodTemplateSpecArgs,
    ResourceRequirementsArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components.account_token import token_mount, token_volume
from components.labels import platform_labels
from components.mesh import INJECTION, Door, allow
from components.mesh.names import SIDECAR_METRICS_PORT
from components.observability.names import NAMESPACE, PROMETHEUS
from components.storage import Storage
from components.units import format_bytes
from components.workload import ServerArgs, deployment_spec, one_at_a_time, pod_spec, refuse_other_than_digest
from groundwork.errors import UserError

CONFIG = "/etc/groundwork"
DATA = "/data"
_NAME = "app.kubernetes.io/name"


@dataclass(frozen=True, kw_only=True)
class Store:
    """Room for what a server keeps, in bytes. `storage_class`: None keeps it with the pod."""

    size: int
    storage_class: str | None


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one server is. `ports`: its Service's, by name; `protocols` of those that are not HTTP.

    `config`: files that it reads in CONFIG; a change replaces the pod, unless it `reloads` them itself. `doors`: who
    may call which ports, by certificate; `callers`: the same by address. `reaches`: its own calls. `health`: its port
    for probes, `live` and `ready` its paths. `token`: it asks the API server, in its own name. `replicas`: more than
    one have a store each, in zones that differ, and know their names as POD_NAME.
    """

    name: str
    image: pulumi.Input[str]
    ports: Mapping[str, int]
    health: int
    live: str
    ready: str
    arguments: Sequence[str]
    resources: ResourceRequirementsArgs
    doors: Sequence[Door]
    callers: Sequence[NetworkPolicyIngressRuleArgs]
    reaches: Sequence[NetworkPolicyEgressRuleArgs] = ()
    protocols: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)
    reloads: bool = False
    store: Store | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    volumes: Sequence[VolumeArgs] = ()
    mounts: Sequence[VolumeMountArgs] = ()
    token: bool = False
    drain_seconds: int = 10
    replicas: int = 1

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)
        if self.replicas > 1 and (self.store is None or self.store.storage_class is None):
            what = f"{self.name}: {self.replicas} replicas without a storage class"
            raise UserError(what=what, allowed="one, or a class that gives each a store of its own")


class Server(pulumi.ComponentResource):
    """A server of the layer. `account`: its identity."""

    account: ServiceAccount

    def __init__(self, environment: str, part: Part, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:observability:Server", part.name, None, opts)
        self._part, self._labels = part, platform_labels(environment, part.name)
        self._child = pulumi.ResourceOptions(parent=self)
        self.account = ServiceAccount(
            part.name, metadata=self.meta(), automount_service_account_token=False, opts=self._child
        )
        guards = [*self._guards(), self.account]
        ports = [
            ServicePortArgs(name=name, port=port, target_port=port, app_protocol=part.protocols.get(name, "http"))
            for name, port in part.ports.items()
        ]
        spec = ServiceSpecArgs(selector=self.selector, ports=ports)
        Service(part.name, metadata=self.meta(), spec=spec, opts=self._child)
        PodDisruptionBudget(part.name, metadata=self.meta(), spec=one_at_a_time(self.selector), opts=self._child)
        after = pulumi.ResourceOptions(parent=self, depends_on=guards)
        if part.replicas > 1:
            StatefulSet(part.name, metadata=self.meta(), spec=self._each_with_a_store(), opts=after)
        else:
            Deployment(part.name, metadata=self.meta(), spec=self._alone(), opts=after)
        self.register_outputs({})

    @property
    def selector(self) -> dict[str, str]:
        """What finds its pods."""
        return {_NAME: self._part.name}

    def meta(self, name: str | None = None) -> ObjectMetaArgs:
        """Of its objects."""
        return ObjectMetaArgs(name=name or self._part.name, namespace=NAMESPACE, labels=self._labels)

    def _alone(self) -> DeploymentSpecArgs:
        # Two at once would write to one store.
        return deployment_spec(self.server(), self._pod(), replicas=1, strategy=DeploymentStrategyArgs(type="Recreate"))

    def _each_with_a_store(self) -> StatefulSetSpecArgs:
        part = self._part
        assert part.store is not None  # noqa: S101 - Part sees to it
        size, class_name = format_bytes(part.store.size), part.store.storage_class
        store = Storage(namespace=NAMESPACE, size=size, class_name=class_name)
        return StatefulSetSpecArgs(
            service_name=part.name,
            replicas=part.replicas,
            selector=LabelSelectorArgs(match_labels=self.selector),
            template=PodTemplateSpecArgs(metadata=self._pod(), spec=pod_spec(self.server())),
            volume_claim_templates=[store.claim("data", self._labels)],
        )

    def _pod(self) -> ObjectMetaArgs:
        return ObjectMetaArgs(labels=self._labels, annotations=dict(self._part.notes) or None)

    def _guards(self) -> list[pulumi.Resource]:
        part = self._part
        spec = NetworkPolicySpecArgs(
            pod_selector=LabelSelectorArgs(match_labels=self.selector),
            policy_types=["Ingress", "Egress"],
            ingress=[*part.callers, from_pods(PROMETHEUS, ports=[SIDECAR_METRICS_PORT])],
            egress=list(part.reaches),
        )
        return [
            NetworkPolicy(part.name, metadata=self.meta(), spec=spec, opts=self._child),
            allow(f"{part.name}-callers", self.meta(), part.doors, selector=self.selector, opts=self._child),
        ]

    def server(self) -> ServerArgs:
        """The pod's one server."""
        part = self._part
        volumes, mounts = [*part.volumes], [*part.mounts]
        if part.config:
            volumes.append(VolumeArgs(name="config", config_map=ConfigMapVolumeSourceArgs(name=self._config())))
            mounts.append(VolumeMountArgs(name="config", mount_path=CONFIG, read_only=True))
        if part.store is not None:
            if part.replicas == 1:
                volumes.append(self._store(part.store))
            mounts.append(VolumeMountArgs(name="data", mount_path=DATA))
        if part.token:
            volumes.append(token_volume())
            mounts.append(token_mount())
        # The port of the probes has a name that all servers share, and no second one: server-side apply refuses two.
        others = {name: port for name, port in part.ports.items() if port != part.health}
        return ServerArgs(
            name=part.name,
            image=part.image,
            service_account=self.account.metadata.name,
            selector=self.selector,
            ports={**others, "http": part.health},
            resources=part.resources,
            drain_seconds=part.drain_seconds,
            apart=part.replicas > 1,
            env=[*(EnvVarArgs(name=name, value=value) for name, value in part.env.items()), *self._own_name()],
            volumes=volumes,
            mounts=mounts,
            live=part.live,
            ready=part.ready,
            arguments=part.arguments,
        )

    def _own_name(self) -> list[EnvVarArgs]:
        if self._part.replicas == 1:
            return []
        source = EnvVarSourceArgs(field_ref=ObjectFieldSelectorArgs(field_path="metadata.name"))
        return [EnvVarArgs(name="POD_NAME", value_from=source)]

    def _config(self) -> pulumi.Output[str]:
        """Under a name that changes with it, a pod that runs keeps its own until it is replaced."""
        part = self._part
        digest = hashlib.sha256(repr(sorted(part.config.items())).encode()).hexdigest()[:10]
        made = ConfigMap(
            f"{part.name}-config",
            metadata=self.meta(f"{part.name}-{'config' if part.reloads else digest}"),
            immutable=not part.reloads,
            data=dict(part.config),
            opts=self._child,
        )
        return made.metadata.name

    def _store(self, store: Store) -> VolumeArgs:
        if store.storage_class is None:
            size = format_bytes(store.size)
            return VolumeArgs(name="data", empty_dir=EmptyDirVolumeSourceArgs(size_limit=size))
        spec = PersistentVolumeClaimSpecArgs(
            access_modes=["ReadWriteOnce"],
            storage_class_name=store.storage_class,
            resources=VolumeResourceRequirementsArgs(requests={"storage": format_bytes(store.size)}),
        )
        claim = PersistentVolumeClaim(self._part.name, metadata=self.meta(), spec=spec, opts=self._child)
        source = PersistentVolumeClaimVolumeSourceArgs(claim_name=claim.metadata.name)
        return VolumeArgs(name="data", persistent_volume_claim=source)


def amounts(*, cpu: str, memory: int, memory_limit: int) -> ResourceRequirementsArgs:
    """Memory in MiB. The CPU's limit keeps a store that is busy from taking a node away from requests."""
    return ResourceRequirementsArgs(
        requests={"cpu": cpu, "memory": f"{memory}Mi"}, limits={"cpu": "500m", "memory": f"{memory_limit}Mi"}
    )


def from_pods(*names: str, ports: Sequence[int]) -> NetworkPolicyIngressRuleArgs:
    """From servers of the layer, by name."""
    return NetworkPolicyIngressRuleArgs(from_=[_pods(name) for name in names], ports=[tcp(port) for port in ports])


def from_the_mesh(ports: Sequence[int]) -> NetworkPolicyIngressRuleArgs:
    """From any pod of a namespace whose pods get sidecars."""
    members = NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels=INJECTION))
    return NetworkPolicyIngressRuleArgs(from_=[members], ports=[tcp(port) for port in ports])


def to_pods(*names: str, ports: Sequence[int]) -> NetworkPolicyEgressRuleArgs:
    """To servers of the layer, by name."""
    return NetworkPolicyEgressRuleArgs(to=[_pods(name) for name in names], ports=[tcp(port) for port in ports])


def _pods(name: str) -> NetworkPolicyPeerArgs:
    return NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels={_NAME: name}))


def tcp(port: int) -> NetworkPolicyPortArgs:
    """A TCP port."""
    return NetworkPolicyPortArgs(protocol="TCP", port=port)
