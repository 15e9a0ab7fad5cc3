"""An agent in a cluster, made from its manifest.  (docs/agents.md)"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.autoscaling.v2 import (
    CrossVersionObjectReferenceArgs,
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerSpecArgs,
    MetricSpecArgs,
    MetricTargetArgs,
    ResourceMetricSourceArgs,
)
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    KeyToPathArgs,
    ObjectFieldSelectorArgs,
    ResourceRequirementsArgs,
    SecretKeySelectorArgs,
    SecretVolumeSourceArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components.agents.manifest import AgentManifest, OpenAIModel, SecretRef, dump
from components.agents.network import agent_policy
from components.labels import Owner, labels, selector
from components.mesh.agent import AgentMesh, AgentMeshArgs
from components.mesh.names import COLLECTOR, COLLECTOR_PORTS, OBSERVABILITY_NAMESPACE, service_host
from components.secrets.store import DeliveredArgs, TenantStoreArgs, deliver
from components.units import format_bytes, format_cpu
from components.workload import ServerArgs, deployment_spec, one_at_a_time, refuse_other_than_digest
from groundwork.errors import UserError

PORTS = {"http": 8080, "metrics": 9090}
MANIFEST = "/etc/agent/manifest.yaml"
SECRETS = "/run/secrets/agent"
_SPANS = f"http://{service_host(COLLECTOR, OBSERVABILITY_NAMESPACE)}:{COLLECTOR_PORTS[1]}"


@dataclass(frozen=True, kw_only=True)
class AgentArgs:
    """What an agent needs beside its manifest.

    `image`: by digest, what the manifest's image stands for here. `cluster_networks`: the CIDRs of pods and services,
    which declared egress to outside does not open. `suspended`: everything is there but the pods. `traced`: spans
    go to the environment's collector. `store`: the tenant's way to what the manifest's `secrets` name.
    `candidate`: it stands beside the agent that serves, under a name of its own, until it takes its place.
    """

    manifest: AgentManifest
    owner: Owner
    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    cluster_networks: Sequence[str] = ()
    suspended: bool = False
    traced: bool = False
    store: TenantStoreArgs | None = None
    candidate: bool = False

    @property
    def called(self) -> str:
        """The name of its objects."""
        return candidate_name(self.manifest.name) if self.candidate else self.manifest.name

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)
        if self.manifest.spec.secrets and self.store is None:
            raise UserError(
                what=f"agent {self.manifest.name}: spec.secrets: the environment has no secret store",
                fix="add `secrets` to groundwork:layers (docs/secrets.md)",
            )
        users = [key for key, secret in self.manifest.spec.secrets.items() if secret.database is not None]
        if users and (self.store is None or self.store.database is None):
            raise UserError(
                what=f"agent {self.manifest.name}: spec.secrets.{users[0]}.database: the environment has no database",
                fix="set groundwork:secrets.postgres: true, or rds on EKS (docs/secrets.md)",
            )
        if self.manifest.spec.memory.sessions.store != "local":
            raise UserError(
                what=f"agent {self.manifest.name}: spec.memory.sessions.store: no environment has Redis yet",
                allowed="local",
            )


def candidate_name(agent: str) -> str:
    """The name of the objects of an agent's next version while both stand: its Service is what routes share out to."""
    return f"{agent}-next"


class Agent(pulumi.ComponentResource):
    """An agent that answers: its pods, their scaling, address, identity, and who may reach them.  (docs/agents.md)

    `url`: where the cluster's own pods reach it.
    """

    url: pulumi.Output[str]

    def __init__(self, name: str, args: AgentArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:agents:Agent", name, None, opts)
        self._name, self._args, self._spec = name, args, args.manifest.spec
        self._selector = selector(args.owner, args.called)
        config = self._config()
        account = ServiceAccount(name, metadata=self._meta(), automount_service_account_token=False, opts=self._child())
        policy = NetworkPolicy(
            name,
            metadata=self._meta(),
            spec=agent_policy(self._selector, PORTS, self._spec.egress, args.cluster_networks, self._databases),
            opts=self._child(),
        )
        mesh = AgentMesh(name, self._mesh(), self._child())
        deployment = self._deployment(config, account, policy, mesh, *self._delivered())
        service = self._service()
        self._scaling(deployment)
        self.url = pulumi.Output.format("http://{0}.{1}.svc", service.metadata.name, service.metadata.namespace)
        self.register_outputs({"url": self.url})

    def _config(self) -> ConfigMap:
        """The manifest, under a name that changes with it: pods that run keep theirs until they are replaced."""
        text = dump(self._args.manifest)
        digest = hashlib.sha256(text.encode()).hexdigest()[:10]
        meta = self._meta(f"{self._args.called}-{digest}")
        data = {"manifest.yaml": text}
        return ConfigMap(f"{self._name}-manifest", metadata=meta, immutable=True, data=data, opts=self._child())

    def _mesh(self) -> AgentMeshArgs:
        args = self._args
        return AgentMeshArgs(
            manifest=args.manifest,
            service=args.called,
            namespace=args.owner.tenant,
            meta=self._meta(),
            selector=self._selector,
            databases=self._databases,
        )

    @property
    def _databases(self) -> Sequence[str]:
        """The networks outside the cluster that a database of this agent's is in."""
        store = self._args.store
        asks = any(secret.database for secret in self._spec.secrets.values())
        return store.database.networks if store is not None and store.database is not None and asks else ()

    def _delivered(self) -> list[pulumi.Resource]:
        """Each of the manifest's secrets, as a Kubernetes Secret of this agent's."""
        store = self._args.store
        if store is None:
            return []
        return [
            deliver(
                f"{self._name}-{name}",
                DeliveredArgs(store=store, target=self._secret(name), secret=secret),
                self._child(),
            )
            for name, secret in sorted(self._spec.secrets.items())
        ]

    def _secret(self, name: str) -> str:
        """The Kubernetes Secret that a name stands for: one of the manifest's `secrets`, or one that is there."""
        return f"{self._args.called}-{name}" if name in self._spec.secrets else name

    def _deployment(self, config: ConfigMap, account: ServiceAccount, *guards: pulumi.Resource) -> Deployment:
        volumes, mounts = self._files()
        server = ServerArgs(
            name="agent",
            image=self._args.image,
            service_account=account.metadata.name,
            selector=self._selector,
            ports=PORTS,
            resources=self._resources(),
            drain_seconds=math.ceil(self._spec.drain.total_seconds()),
            env=self._env(),
            volumes=[
                VolumeArgs(name="manifest", config_map=ConfigMapVolumeSourceArgs(name=config.metadata.name)),
                *volumes,
            ],
            mounts=[VolumeMountArgs(name="manifest", mount_path="/etc/agent", read_only=True), *mounts],
        )
        return Deployment(
            self._name,
            metadata=self._meta(),
            spec=deployment_spec(
                server,
                ObjectMetaArgs(labels=self._labels()),
                replicas=self._replicas(),
            ),
            opts=self._child(depends_on=guards),
        )

    def _replicas(self) -> int | None:
        """An autoscaler and this number would undo each other at every `up`: only one of the two is declared."""
        scaling = self._spec.scaling
        if self._args.suspended:
            return 0
        return scaling.min if scaling.min == scaling.max else None

    def _files(self) -> tuple[list[VolumeArgs], list[VolumeMountArgs]]:
        """Secrets as files: a value that is replaced reaches a pod that runs."""
        volumes = [
            VolumeArgs(
                name=f"secret-{name}",
                secret=SecretVolumeSourceArgs(secret_name=self._secret(name), default_mode=0o440),
            )
            for name in sorted(self._spec.secrets)
        ]
        mounts = [
            VolumeMountArgs(name=f"secret-{name}", mount_path=f"{SECRETS}/{name}", read_only=True)
            for name in sorted(self._spec.secrets)
        ]
        model = self._spec.model
        key = model.api_key_from if isinstance(model, OpenAIModel) else None
        if key is not None and key.secret not in self._spec.secrets:
            volumes.append(_key_volume(key))
            mounts.append(VolumeMountArgs(name="model-key", mount_path=f"{SECRETS}/{key.secret}", read_only=True))
        return volumes, mounts

    def _service(self) -> Service:
        port = ServicePortArgs(name="http", port=80, target_port="http", app_protocol="http")
        # A session lives in the replica that began it, as long as sessions are not shared.
        spec = ServiceSpecArgs(type="ClusterIP", selector=self._selector, ports=[port], session_affinity="ClientIP")
        return Service(self._name, metadata=self._meta(), spec=spec, opts=self._child())

    def _scaling(self, deployment: Deployment) -> None:
        scaling, name = self._spec.scaling, deployment.metadata.name
        PodDisruptionBudget(self._name, metadata=self._meta(), spec=one_at_a_time(self._selector), opts=self._child())
        if self._replicas() is not None:
            return
        cpu = MetricTargetArgs(type="Utilization", average_utilization=scaling.target_cpu_percent)
        spec = HorizontalPodAutoscalerSpecArgs(
            scale_target_ref=CrossVersionObjectReferenceArgs(api_version="apps/v1", kind="Deployment", name=name),
            min_replicas=scaling.min,
            max_replicas=scaling.max,
            metrics=[MetricSpecArgs(type="Resource", resource=ResourceMetricSourceArgs(name="cpu", target=cpu))],
        )
        HorizontalPodAutoscaler(self._name, metadata=self._meta(), spec=spec, opts=self._child())

    def _env(self) -> list[EnvVarArgs]:
        manifest, owner = self._args.manifest, self._args.owner
        platform = {
            "AGENT_MANIFEST": MANIFEST,
            "AGENT_SECRETS": SECRETS,
            "AGENT_NAME": manifest.name,
            "AGENT_TENANT": owner.tenant,
            "AGENT_ENVIRONMENT": owner.environment,
        }
        if self._args.traced:
            platform |= {
                "OTEL_EXPORTER_OTLP_ENDPOINT": _SPANS,
                # The gateway decides which requests are traced.
                "OTEL_TRACES_SAMPLER": "parentbased_always_off",
            }
        pod = EnvVarSourceArgs(field_ref=ObjectFieldSelectorArgs(field_path="metadata.name"))
        variables = [EnvVarArgs(name=key, value=value) for key, value in platform.items()]
        variables.append(EnvVarArgs(name="AGENT_POD", value_from=pod))
        return variables + [self._variable(key, value) for key, value in sorted(self._spec.env.items())]

    def _variable(self, name: str, value: str | SecretRef) -> EnvVarArgs:
        if isinstance(value, str):
            return EnvVarArgs(name=name, value=value)
        reference = SecretKeySelectorArgs(name=self._secret(value.secret), key=value.key)
        return EnvVarArgs(name=name, value_from=EnvVarSourceArgs(secret_key_ref=reference))

    def _resources(self) -> ResourceRequirementsArgs:
        amounts = self._spec.resources
        return ResourceRequirementsArgs(
            requests={"cpu": format_cpu(amounts.cpu), "memory": format_bytes(amounts.memory)},
            limits={"cpu": format_cpu(amounts.cpu_limit), "memory": format_bytes(amounts.memory_limit)},
        )

    def _labels(self) -> dict[str, str]:
        own = labels(self._args.owner, agent=self._args.called, tier=self._spec.tier)
        return self._args.manifest.metadata.labels | own

    def _meta(self, name: str | None = None) -> ObjectMetaArgs:
        manifest = self._args.manifest
        notes = {"groundwork/description": manifest.metadata.description} if manifest.metadata.description else None
        return ObjectMetaArgs(
            name=name or self._args.called, namespace=self._args.namespace, labels=self._labels(), annotations=notes
        )

    def _child(self, depends_on: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(depends_on))


def _key_volume(key: SecretRef) -> VolumeArgs:
    """The model's key as a file, and nothing else of its Secret: a rotated key reaches a pod that runs."""
    items = [KeyToPathArgs(key=key.key, path=key.key)]
    return VolumeArgs(
        name="model-key", secret=SecretVolumeSourceArgs(secret_name=key.secret, items=items, default_mode=0o440)
    )
