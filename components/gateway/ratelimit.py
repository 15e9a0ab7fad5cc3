"""Counts requests over all replicas of the gateway: Envoy's rate-limit service, and Redis.  (docs/gateway.md)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentStrategyArgs
from pulumi_kubernetes.core.v1 import (
    EnvVarArgs,
    ResourceRequirementsArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy, NetworkPolicySpecArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components.gateway import policies
from components.gateway.edge import RATELIMIT_PORT
from components.gateway.filters import WORKLOAD
from components.labels import platform_labels
from components.mesh import Door, Source, allow
from components.mesh.names import GATEWAY_NAMESPACE, service_host
from components.workload import (
    BesideArgs,
    ServerArgs,
    deployment_spec,
    one_at_a_time,
    refuse_other_than_digest,
    rolling,
)

NAME = "ratelimit"
REDIS, REDIS_PORT, EXPORTER_PORT = "redis", 6379, 9121
APP = "app.kubernetes.io/name"


@dataclass(frozen=True, kw_only=True)
class RateLimitArgs:
    """`image`, `redis_image`: by digest. `replicas`: of the service; Redis is one, as one counts."""

    environment: str
    image: pulumi.Input[str]
    redis_image: pulumi.Input[str]
    replicas: int = 2

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)
        refuse_other_than_digest(self.redis_image)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One of the two servers. `protocol`: as the mesh names it; `caller`: the account that alone may call `port`."""

    name: str
    port: int
    protocol: str
    server: ServerArgs
    replicas: int
    strategy: DeploymentStrategyArgs
    network: NetworkPolicySpecArgs
    caller: str


class RateLimit(pulumi.ComponentResource):
    """The count that all replicas of the gateway share.

    Only the gateway reaches the service and only the service reaches Redis, both by the mesh's certificates.
    """

    def __init__(self, name: str, args: RateLimitArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:gateway:RateLimit", name, None, opts)
        self._args = args
        redis = self._run(_redis(args))
        self._run(_ratelimit(args), depends_on=[redis])
        self.register_outputs({})

    def _run(self, part: _Part, depends_on: Sequence[pulumi.Resource] = ()) -> Deployment:
        selector = _selector(part.name)
        account = ServiceAccount(
            part.name, metadata=self._meta(part.name), automount_service_account_token=False, opts=self._child()
        )
        guards = [
            NetworkPolicy(part.name, metadata=self._meta(part.name), spec=part.network, opts=self._child()),
            allow(
                f"{part.name}-callers",
                self._meta(part.name),
                [Door(sources=[Source(namespace=GATEWAY_NAMESPACE, account=part.caller)], ports=[part.port])],
                selector=selector,
                opts=self._child(),
            ),
            account,
        ]
        port = ServicePortArgs(name=part.protocol, port=part.port, target_port=part.port, app_protocol=part.protocol)
        spec = ServiceSpecArgs(selector=selector, ports=[port])
        Service(part.name, metadata=self._meta(part.name), spec=spec, opts=self._child())
        PodDisruptionBudget(part.name, metadata=self._meta(part.name), spec=one_at_a_time(selector), opts=self._child())
        return Deployment(
            part.name,
            metadata=self._meta(part.name),
            spec=deployment_spec(
                part.server,
                ObjectMetaArgs(labels=self._labels(part.name)),
                replicas=part.replicas,
                strategy=part.strategy,
            ),
            opts=self._child([*guards, *depends_on]),
        )

    def _labels(self, name: str) -> dict[str, str]:
        return platform_labels(self._args.environment, name)

    def _meta(self, name: str) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=name, namespace=GATEWAY_NAMESPACE, labels=self._labels(name))

    def _child(self, depends_on: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(depends_on))


def _ratelimit(args: RateLimitArgs) -> _Part:
    ports = {"http": 8080, "grpc": RATELIMIT_PORT, "metrics": 9090}
    return _Part(
        name=NAME,
        port=RATELIMIT_PORT,
        protocol="grpc",
        server=ServerArgs(
            name=NAME,
            image=args.image,
            service_account=NAME,
            selector=_selector(NAME),
            ports=ports,
            resources=_resources(cpu="50m", memory="64Mi", memory_limit="192Mi"),
            drain_seconds=5,
            env=[EnvVarArgs(name="REDIS_URL", value=f"{service_host(REDIS, GATEWAY_NAMESPACE)}:{REDIS_PORT}")],
            live="/healthcheck",
            ready="/healthcheck",
        ),
        replicas=args.replicas,
        strategy=rolling(),
        network=policies.server(
            _selector(NAME), callers=WORKLOAD, ports=[RATELIMIT_PORT], reaches=[(_selector(REDIS), REDIS_PORT)]
        ),
        caller="gateway",
    )


def _redis(args: RateLimitArgs) -> _Part:
    ping = ("redis-cli", "ping")
    return _Part(
        name=REDIS,
        port=REDIS_PORT,
        protocol="tcp",
        server=ServerArgs(
            name=REDIS,
            image=args.redis_image,
            service_account=REDIS,
            selector=_selector(REDIS),
            ports={"redis": REDIS_PORT},
            resources=_resources(cpu="50m", memory="32Mi", memory_limit="96Mi"),
            drain_seconds=1,
            live=ping,
            ready=ping,
            beside=[
                BesideArgs(
                    name="exporter",
                    image=args.redis_image,
                    command=["/usr/bin/prometheus-redis-exporter"],
                    arguments=[
                        f"--redis.addr=redis://127.0.0.1:{REDIS_PORT}",
                        f"--web.listen-address=:{EXPORTER_PORT}",
                    ],
                    resources=_resources(cpu="5m", memory="16Mi", memory_limit="48Mi"),
                    alive=("/health", EXPORTER_PORT),
                )
            ],
        ),
        replicas=1,
        # Two at once would each count half.
        strategy=DeploymentStrategyArgs(type="Recreate"),
        network=policies.server(_selector(REDIS), callers=_selector(NAME), ports=[REDIS_PORT]),
        caller=NAME,
    )


def _selector(name: str) -> dict[str, str]:
    return {APP: name}


def _resources(*, cpu: str, memory: str, memory_limit: str) -> ResourceRequirementsArgs:
    return ResourceRequirementsArgs(
        requests={"cpu": cpu, "memory": memory}, limits={"cpu": "1", "memory": memory_limit}
    )
