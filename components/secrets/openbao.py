"""OpenBao, or HashiCorp Vault in its place, in a cluster.  (docs/secrets.md)"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import (
    StatefulSet,
    StatefulSetSpecArgs,
    StatefulSetUpdateStrategyArgs,
)
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    EnvVarArgs,
    EnvVarSourceArgs,
    NamespacePatch,
    ObjectFieldSelectorArgs,
    PodTemplateSpecArgs,
    ResourceRequirementsArgs,
    SecretVolumeSourceArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs, ObjectMetaPatchArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget
from pulumi_kubernetes.rbac.v1 import (
    ClusterRoleBinding,
    PolicyRuleArgs,
    Role,
    RoleBinding,
    RoleRefArgs,
    SubjectArgs,
)

from components.account_token import token_mount, token_volume
from components.data.place import DatabasePlace
from components.labels import ROLE, platform_labels, pod_security
from components.secrets import kinds, network, server
from components.secrets.names import (
    API_PORT,
    CLUSTER_PORT,
    DATABASE_CONFIG,
    MESH_AUTHORITY,
    METRICS_PORT,
    NAMESPACE,
    OPENBAO,
    OPERATOR,
    TLS_SECRET,
)
from components.storage import Storage
from components.workload import ServerArgs, one_at_a_time, pod_spec, refuse_other_than_digest

SELECTOR = {"app.kubernetes.io/name": OPENBAO}


@dataclass(frozen=True, kw_only=True)
class OpenBaoArgs:
    """What OpenBao needs.

    `image`: by digest, of the server that `kind` says; its objects have the same names whichever it is. `replicas`: an
    odd number. `seal`: a key service, otherwise shares. `storage`: for the raft log and for the audit log. `apart`: no
    zone may have more of its nodes than another and one, whatever comes: volumes stay in the zone they were made in.
    `database`: outside the cluster, where it makes users.
    """

    environment: str
    image: pulumi.Input[str]
    storage: Storage
    replicas: int = 3
    seal: server.KmsSeal | None = None
    apart: bool = False
    database: DatabasePlace | None = None
    kind: kinds.Kind = kinds.OPENBAO

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)


class OpenBao(pulumi.ComponentResource):
    """OpenBao: raft, TLS of its own, two audit devices; sealed until people or a key service unseal it.

    It is no part of the mesh: its nodes know each other by its own certificates, and it must be there when the mesh's
    control plane is not. `namespace`: what else belongs to secrets goes there.
    """

    namespace: NamespacePatch

    def __init__(self, name: str, args: OpenBaoArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:secrets:OpenBao", name, None, opts)
        self._name, self._args = name, args
        # It is there before: the certificate's Secret is in it.
        self.namespace = NamespacePatch(
            f"{name}-namespace",
            metadata=ObjectMetaPatchArgs(
                name=NAMESPACE,
                labels=platform_labels(args.environment, "secrets") | pod_security() | {ROLE: "secrets"},
            ),
            opts=self._child(),
        )
        account = ServiceAccount(
            name, metadata=self._meta(), automount_service_account_token=False, opts=self._inside()
        )
        # Who asks with a token of these accounts may do what docs/secrets.md lists, and no pod has one.
        for called in (OPERATOR, MESH_AUTHORITY):
            own = self._meta(called)
            ServiceAccount(called, metadata=own, automount_service_account_token=False, opts=self._inside())
        identity = args.seal is not None and args.seal.pod_identity
        guards: list[pulumi.Resource] = [
            *self._rights(account),
            *(
                NetworkPolicy(called, metadata=self._meta(called), spec=spec, opts=self._inside())
                for called, spec in network.policies(
                    SELECTOR, identity=identity, databases=args.database.networks if args.database else ()
                ).items()
            ),
        ]
        self._services()
        PodDisruptionBudget(name, metadata=self._meta(), spec=one_at_a_time(SELECTOR), opts=self._inside())
        volumes = args.storage.volumes(name, self._labels(), replicas=args.replicas, opts=self._child())
        self._nodes([*guards, *volumes])
        self.register_outputs({})

    def _rights(self, account: ServiceAccount) -> list[pulumi.Resource]:
        """It asks the API server whether a token is good, and says on its own pods which of them is active."""
        subject = SubjectArgs(kind="ServiceAccount", name=OPENBAO, namespace=NAMESPACE)
        reviewer = RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="system:auth-delegator")
        rule = PolicyRuleArgs(api_groups=[""], resources=["pods"], verbs=["get", "update", "patch"])
        role = Role(self._name, metadata=self._meta(), rules=[rule], opts=self._inside())
        own = RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=OPENBAO)
        return [
            account,
            ClusterRoleBinding(
                self._name,
                metadata=ObjectMetaArgs(name=f"groundwork-{OPENBAO}-reviews-tokens", labels=self._labels()),
                role_ref=reviewer,
                subjects=[subject],
                opts=self._child(),
            ),
            RoleBinding(
                self._name,
                metadata=self._meta(),
                role_ref=own,
                subjects=[subject],
                opts=pulumi.ResourceOptions(parent=self, depends_on=[role]),
            ),
        ]

    def _services(self) -> None:
        api = ServicePortArgs(name="https", port=API_PORT, target_port="api", app_protocol="https")
        peers = ServicePortArgs(name="tls-cluster", port=CLUSTER_PORT, target_port="cluster", app_protocol="tls")
        # No node is in it while all are sealed, which is how the first `up` begins: nothing waits for one.
        unsealed = self._meta(annotations={"pulumi.com/skipAwait": "true"})
        spec = ServiceSpecArgs(selector={**SELECTOR, **self._args.kind.unsealed}, ports=[api])
        Service(self._name, metadata=unsealed, spec=spec, opts=self._inside())
        nodes = ServiceSpecArgs(
            selector=SELECTOR, ports=[api, peers], cluster_ip="None", publish_not_ready_addresses=True
        )
        metadata = self._meta(f"{OPENBAO}-nodes", annotations={"pulumi.com/skipAwait": "true"})
        Service(f"{self._name}-nodes", metadata=metadata, spec=nodes, opts=self._inside())

    def _nodes(self, depends_on: Sequence[pulumi.Resource]) -> StatefulSet:
        text = server.configuration(self._args.replicas, self._args.seal, self._args.kind)
        files = {server.FILE: text, server.SCRIPT.name: server.SCRIPT.read_text("utf-8")}
        config = ConfigMap(self._name, metadata=self._meta(), data=files, opts=self._inside())
        annotations = {
            "groundwork/config": hashlib.sha256("".join(files.values()).encode()).hexdigest()[:12],
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(METRICS_PORT),
            "prometheus.io/path": server.METRICS_PATH,
            **({"prometheus.io/scheme": "https"} if self._args.kind.tls_metrics else {}),
        }
        spec = StatefulSetSpecArgs(
            service_name=f"{OPENBAO}-nodes",
            replicas=self._args.replicas,
            selector=LabelSelectorArgs(match_labels=SELECTOR),
            # All at once: a node that is sealed must not hold back the next.
            pod_management_policy="Parallel",
            # A restarted node is sealed: `groundwork vault upgrade` replaces one after the other and unseals each.
            update_strategy=StatefulSetUpdateStrategyArgs(type="OnDelete"),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels=self._labels(), annotations=annotations), spec=pod_spec(self._server())
            ),
            volume_claim_templates=[self._args.storage.claim(part, self._labels()) for part in ("data", "audit")],
        )
        if self._args.database is not None:
            depends_on = [*depends_on, self._database(self._args.database)]
        return StatefulSet(self._name, metadata=self._meta(), spec=spec, opts=self._inside([config, *depends_on]))

    def _database(self, place: DatabasePlace) -> ConfigMap:
        """What OpenBao is told of the database when it is set up (local/secrets/rds.py); nothing of it is secret."""
        told = {
            "host": place.host,
            "name": place.name,
            "secret": place.secret or "",
            server.DATABASE_AUTHORITY.name: place.authority,
        }
        return ConfigMap(f"{self._name}-database", metadata=self._meta(DATABASE_CONFIG), data=told, opts=self._inside())

    def _server(self) -> ServerArgs:
        pod = EnvVarSourceArgs(field_ref=ObjectFieldSelectorArgs(field_path="metadata.name"))
        volumes, mounts = self._told()
        own = [EnvVarArgs(name=key, value=value) for key, value in server.environment(self._args.kind).items()]
        return ServerArgs(
            name=OPENBAO,
            image=self._args.image,
            command=server.command(self._args.kind),
            service_account=OPENBAO,
            selector=SELECTOR,
            # The port of metrics answers while it is sealed too: a sealed node runs, and waits for its shares.
            ports={"api": API_PORT, "cluster": CLUSTER_PORT, "http": METRICS_PORT},
            resources=ResourceRequirementsArgs(
                requests={"cpu": "50m", "memory": "128Mi"}, limits={"cpu": "1", "memory": "512Mi"}
            ),
            drain_seconds=10,
            apart=self._args.apart,
            env=[EnvVarArgs(name="POD_NAME", value_from=pod), *own],
            volumes=[
                token_volume(),
                VolumeArgs(name="config", config_map=ConfigMapVolumeSourceArgs(name=OPENBAO)),
                VolumeArgs(name="tls", secret=SecretVolumeSourceArgs(secret_name=TLS_SECRET, default_mode=0o440)),
                *volumes,
            ],
            mounts=[
                token_mount(),
                VolumeMountArgs(name="config", mount_path=server.CONFIG, read_only=True),
                VolumeMountArgs(name="tls", mount_path=server.TLS, read_only=True),
                VolumeMountArgs(name="data", mount_path=server.RAFT),
                VolumeMountArgs(name="audit", mount_path=kinds.AUDIT),
                *mounts,
            ],
            live=server.METRICS_PATH,
            ready=server.METRICS_PATH,
            tls=self._args.kind.tls_metrics,
        )

    def _told(self) -> tuple[list[VolumeArgs], list[VolumeMountArgs]]:
        """The root that the database's certificate is checked by, where it is another than OpenBao's own."""
        if self._args.database is None:
            return [], []
        folder = str(server.DATABASE_AUTHORITY.parent)
        volume = VolumeArgs(name="database", config_map=ConfigMapVolumeSourceArgs(name=DATABASE_CONFIG))
        return [volume], [VolumeMountArgs(name="database", mount_path=folder, read_only=True)]

    def _labels(self) -> dict[str, str]:
        return platform_labels(self._args.environment, OPENBAO)

    def _meta(self, name: str = OPENBAO, annotations: dict[str, str] | None = None) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=name, namespace=NAMESPACE, labels=self._labels(), annotations=annotations)

    def _child(self) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self)

    def _inside(self, depends_on: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=[self.namespace, *depends_on])
