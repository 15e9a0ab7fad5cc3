"""PostgreSQL in the cluster, where no managed one serves.  (docs/secrets.md)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet, StatefulSetSpecArgs
from pulumi_kubernetes.core.v1 import (
    NamespacePatch,
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
from pulumi_kubernetes.meta.v1 import (
    LabelSelectorArgs,
    LabelSelectorRequirementArgs,
    ObjectMetaArgs,
    ObjectMetaPatchArgs,
)
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicy,
    NetworkPolicyIngressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
    NetworkPolicySpecArgs,
)
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components.data.names import NAMESPACE, POSTGRES, POSTGRES_PORT, POSTGRES_TLS
from components.labels import ROLE, TENANT, platform_labels, pod_security
from components.storage import Storage
from components.workload import ServerArgs, one_at_a_time, pod_spec, refuse_other_than_digest

SELECTOR = {"app.kubernetes.io/name": POSTGRES}
_READY = ("pg_isready", "-q", "-h", "/tmp", "-U", "postgres")  # noqa: S108 – in the pod
_DATA = "/var/lib/postgresql/data"


@dataclass(frozen=True, kw_only=True)
class PostgresArgs:
    """`image`: by digest. `callers`: roles of namespaces (groundwork/role) that may reach it, beside all tenants."""

    environment: str
    image: pulumi.Input[str]
    storage: Storage
    callers: Sequence[str] = ("secrets",)

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)


class Postgres(pulumi.ComponentResource):
    """One PostgreSQL with TLS of its own. No password is known to anybody but OpenBao, which makes its users.

    It is no part of the mesh, whose proxies would add nothing to TLS that its clients check.
    """

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:data:Postgres", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        own = platform_labels(args.environment, POSTGRES)
        meta = ObjectMetaArgs(name=POSTGRES, namespace=NAMESPACE, labels=own)
        # It is there before: the certificate's Secret is in it.
        labels = platform_labels(args.environment, "data") | pod_security() | {ROLE: "data"}
        namespace = NamespacePatch(
            f"{name}-namespace", metadata=ObjectMetaPatchArgs(name=NAMESPACE, labels=labels), opts=child
        )
        inside = pulumi.ResourceOptions(parent=self, depends_on=[namespace])
        guards: list[pulumi.Resource] = [
            ServiceAccount(name, metadata=meta, automount_service_account_token=False, opts=inside),
            NetworkPolicy(name, metadata=meta, spec=_network(args.callers), opts=inside),
            *args.storage.volumes(POSTGRES, own, replicas=1, opts=child),
        ]
        port = ServicePortArgs(name="tcp-postgres", port=POSTGRES_PORT, target_port="postgres")
        Service(name, metadata=meta, spec=ServiceSpecArgs(selector=SELECTOR, ports=[port]), opts=inside)
        PodDisruptionBudget(name, metadata=meta, spec=one_at_a_time(SELECTOR), opts=inside)
        StatefulSet(
            name,
            metadata=meta,
            spec=StatefulSetSpecArgs(
                service_name=POSTGRES,
                replicas=1,
                selector=LabelSelectorArgs(match_labels=SELECTOR),
                template=PodTemplateSpecArgs(metadata=ObjectMetaArgs(labels=own), spec=pod_spec(_server(args))),
                volume_claim_templates=[args.storage.claim("data", own)],
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace, *guards]),
        )
        self.register_outputs({})


def _server(args: PostgresArgs) -> ServerArgs:
    tls = SecretVolumeSourceArgs(secret_name=POSTGRES_TLS, default_mode=0o440)
    return ServerArgs(
        name=POSTGRES,
        image=args.image,
        service_account=POSTGRES,
        selector=SELECTOR,
        ports={"postgres": POSTGRES_PORT},
        resources=ResourceRequirementsArgs(
            requests={"cpu": "50m", "memory": "128Mi"}, limits={"cpu": "1", "memory": "384Mi"}
        ),
        drain_seconds=10,
        volumes=[VolumeArgs(name="tls", secret=tls)],
        mounts=[
            VolumeMountArgs(name="tls", mount_path="/run/tls", read_only=True),
            VolumeMountArgs(name="data", mount_path=_DATA),
        ],
        live=_READY,
        ready=_READY,
    )


def _network(callers: Sequence[str]) -> NetworkPolicySpecArgs:
    """In: tenants, and the namespaces with a role that may. Out: nothing."""
    tenants = LabelSelectorArgs(match_expressions=[LabelSelectorRequirementArgs(key=TENANT, operator="Exists")])
    peers = [
        NetworkPolicyPeerArgs(namespace_selector=tenants),
        *(
            NetworkPolicyPeerArgs(namespace_selector=LabelSelectorArgs(match_labels={ROLE: caller}))
            for caller in callers
        ),
    ]
    port = NetworkPolicyPortArgs(protocol="TCP", port=POSTGRES_PORT)
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=SELECTOR),
        policy_types=["Ingress", "Egress"],
        ingress=[NetworkPolicyIngressRuleArgs(from_=peers, ports=[port])],
    )
