"""Who is let through the gateway: the authorizer, with OPA beside it.  (docs/access.md)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import (
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    ResourceRequirementsArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
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
from pulumi_kubernetes.rbac.v1 import ClusterRole, ClusterRoleBinding, PolicyRuleArgs, RoleRefArgs, SubjectArgs

from components.account_token import token_mount, token_volume
from components.gateway.edge import AUTHORIZER_PORT
from components.gateway.filters import WORKLOAD
from components.labels import platform_labels
from components.mesh import GATEWAY, Door, allow
from components.mesh.names import GATEWAY_NAMESPACE
from components.network_policies import anywhere
from components.platform.specs import GROUP, ApiKey, Domain, Tenant
from components.workload import (
    LEAVE_SECONDS,
    BesideArgs,
    ServerArgs,
    deployment_spec,
    one_at_a_time,
    refuse_other_than_digest,
)

NAME = "authorizer"
SELECTOR = {"app.kubernetes.io/name": NAME}
HTTP_PORT, OPA_HEALTH_PORT = 8080, 8282
# The API server and the issuers' keys are called as they are: TLS of their own, checked here, and no proxy between.
OUTSIDE_PORTS = (443, 6443)
SOCKET = "/run/opa"


@dataclass(frozen=True, kw_only=True)
class AccessArgs:
    """What the authorizer needs.

    `image`, `opa_image`: by digest. `checks_name`: the gateway ends TLS itself, so that a request's host must be the
    name that its connection was made for; False where a load balancer before it does.
    """

    environment: str
    image: pulumi.Input[str]
    opa_image: pulumi.Input[str]
    replicas: int = 2
    checks_name: bool = True

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)
        refuse_other_than_digest(self.opa_image)


class Access(pulumi.ComponentResource):
    """The authorizer in the gateway's namespace. Only the gateway reaches it; it reads tenants, domains and keys of all
    namespaces, and writes nothing but how often a key was used.
    """

    def __init__(self, name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:gateway:Access", name, None, opts)
        self._args = args
        account = ServiceAccount(NAME, metadata=self._meta(), automount_service_account_token=False, opts=self._child())
        guards = [
            *self._rights(account),
            NetworkPolicy(NAME, metadata=self._meta(), spec=_network(), opts=self._child()),
            allow(
                f"{NAME}-callers",
                self._meta(),
                [Door(sources=[GATEWAY], ports=[AUTHORIZER_PORT])],
                selector=SELECTOR,
                opts=self._child(),
            ),
        ]
        port = ServicePortArgs(name="grpc", port=AUTHORIZER_PORT, target_port="grpc", app_protocol="grpc")
        Service(NAME, metadata=self._meta(), spec=ServiceSpecArgs(selector=SELECTOR, ports=[port]), opts=self._child())
        PodDisruptionBudget(NAME, metadata=self._meta(), spec=one_at_a_time(SELECTOR), opts=self._child())
        self._deployment(account, guards)
        self.register_outputs({})

    def _rights(self, account: ServiceAccount) -> list[pulumi.Resource]:
        name = f"groundwork-{NAME}"
        meta = ObjectMetaArgs(name=name, labels=self._labels())
        kinds = [Tenant.plural, Domain.plural, ApiKey.plural]
        role = ClusterRole(
            name,
            metadata=meta,
            rules=[
                PolicyRuleArgs(api_groups=[GROUP], resources=kinds, verbs=["get", "list", "watch"]),
                PolicyRuleArgs(api_groups=[GROUP], resources=[f"{ApiKey.plural}/status"], verbs=["patch"]),
            ],
            opts=self._child(),
        )
        binding = ClusterRoleBinding(
            name,
            metadata=meta,
            role_ref=RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name=role.metadata.name),
            subjects=[SubjectArgs(kind="ServiceAccount", name=account.metadata.name, namespace=GATEWAY_NAMESPACE)],
            opts=self._child(),
        )
        return [role, binding]

    def _deployment(self, account: ServiceAccount, guards: Sequence[pulumi.Resource]) -> Deployment:
        outside = ",".join(map(str, OUTSIDE_PORTS))
        notes = {"traffic.sidecar.istio.io/excludeOutboundPorts": outside}
        return Deployment(
            NAME,
            metadata=self._meta(),
            spec=deployment_spec(
                self._server(account),
                ObjectMetaArgs(labels=self._labels(), annotations=notes),
                replicas=self._args.replicas,
            ),
            opts=self._child(guards),
        )

    def _server(self, account: ServiceAccount) -> ServerArgs:
        args, socket = self._args, VolumeMountArgs(name="opa", mount_path=SOCKET)
        return ServerArgs(
            name=NAME,
            image=args.image,
            service_account=account.metadata.name,
            selector=SELECTOR,
            ports={"http": HTTP_PORT, "grpc": AUTHORIZER_PORT},
            resources=_amounts(cpu="100m", memory="128Mi", memory_limit="512Mi"),
            drain_seconds=10,
            env=[
                EnvVarArgs(name="AUTHORIZER_ENVIRONMENT", value=args.environment),
                EnvVarArgs(name="AUTHORIZER_CHECKS_NAME", value=str(args.checks_name).lower()),
            ],
            volumes=[
                VolumeArgs(name="opa", empty_dir=EmptyDirVolumeSourceArgs(size_limit="1Mi")),
                token_volume(),
            ],
            mounts=[socket, token_mount()],
            beside=[
                BesideArgs(
                    name="opa",
                    image=args.opa_image,
                    arguments=[
                        "run",
                        "--server",
                        f"--addr=unix://{SOCKET}/opa.sock",
                        f"--diagnostic-addr=0.0.0.0:{OPA_HEALTH_PORT}",
                        "--log-level=error",
                        "--skip-version-check",
                        f"--shutdown-wait-period={LEAVE_SECONDS}",
                        "/policy/access.rego",
                    ],
                    resources=_amounts(cpu="50m", memory="64Mi", memory_limit="256Mi"),
                    alive=("/health", OPA_HEALTH_PORT),
                    mounts=[socket],
                )
            ],
        )

    def _labels(self) -> dict[str, str]:
        return platform_labels(self._args.environment, NAME)

    def _meta(self) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=NAME, namespace=GATEWAY_NAMESPACE, labels=self._labels())

    def _child(self, depends_on: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(depends_on))


def _network() -> NetworkPolicySpecArgs:
    """In: the gateway. Out: the API server and the issuers' keys, which may be anywhere; names and mesh stand apart."""
    gateway = NetworkPolicyPeerArgs(pod_selector=LabelSelectorArgs(match_labels=dict(WORKLOAD)))
    return NetworkPolicySpecArgs(
        pod_selector=LabelSelectorArgs(match_labels=SELECTOR),
        policy_types=["Ingress", "Egress"],
        ingress=[NetworkPolicyIngressRuleArgs(from_=[gateway], ports=[_tcp(AUTHORIZER_PORT)])],
        egress=[NetworkPolicyEgressRuleArgs(to=[anywhere()], ports=[_tcp(port) for port in OUTSIDE_PORTS])],
    )


def _tcp(port: int) -> NetworkPolicyPortArgs:
    return NetworkPolicyPortArgs(protocol="TCP", port=port)


def _amounts(*, cpu: str, memory: str, memory_limit: str) -> ResourceRequirementsArgs:
    return ResourceRequirementsArgs(
        requests={"cpu": cpu, "memory": memory}, limits={"cpu": "1", "memory": memory_limit}
    )
