"""The rotator of static secrets.  (docs/secrets.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment, DeploymentStrategyArgs
from pulumi_kubernetes.core.v1 import (
    EnvVarArgs,
    KeyToPathArgs,
    ResourceRequirementsArgs,
    SecretVolumeSourceArgs,
    ServiceAccount,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components.account_token import OPENBAO_PATH, openbao_mount, openbao_volume
from components.labels import platform_labels
from components.secrets import network
from components.secrets.names import ADDRESS, KV, NAMESPACE, OPENBAO, ROTATOR, TLS_SECRET
from components.workload import ServerArgs, deployment_spec, one_at_a_time, refuse_other_than_digest

SELECTOR = {"app.kubernetes.io/name": ROTATOR}
PORT = 8080
_AUTHORITY = "/run/authority"


@dataclass(frozen=True, kw_only=True)
class RotatorArgs:
    """`image`: by digest. `round_seconds`: how often it looks at all secrets."""

    environment: str
    image: pulumi.Input[str]
    round_seconds: int = 30

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)


class Rotator(pulumi.ComponentResource):
    """One process, which asks OpenBao with a token of its own account, and is asked by nobody but for its metrics."""

    def __init__(self, name: str, args: RotatorArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:secrets:Rotator", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        labels = platform_labels(args.environment, ROTATOR)
        meta = ObjectMetaArgs(name=ROTATOR, namespace=NAMESPACE, labels=labels)
        policy = network.caller(SELECTOR, {"app.kubernetes.io/name": OPENBAO}, PORT, api_server=False)
        guards: list[pulumi.Resource] = [
            ServiceAccount(name, metadata=meta, automount_service_account_token=False, opts=child),
            NetworkPolicy(name, metadata=meta, spec=policy, opts=child),
            PodDisruptionBudget(name, metadata=meta, spec=one_at_a_time(SELECTOR), opts=child),
        ]
        notes = {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORT)}
        Deployment(
            name,
            metadata=meta,
            spec=deployment_spec(
                _server(args),
                ObjectMetaArgs(labels=labels, annotations=notes),
                replicas=1,
                # Two at once would only refuse each other's writes, and are not needed.
                strategy=DeploymentStrategyArgs(type="Recreate"),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=guards),
        )
        self.register_outputs({})


def _server(args: RotatorArgs) -> ServerArgs:
    # The authority alone: the key beside it is OpenBao's own.
    authority = SecretVolumeSourceArgs(
        secret_name=TLS_SECRET, default_mode=0o440, items=[KeyToPathArgs(key="ca.crt", path="ca.crt")]
    )
    settings = {
        "OPENBAO_ADDRESS": ADDRESS,
        "OPENBAO_AUTHORITY": f"{_AUTHORITY}/ca.crt",
        "OPENBAO_TOKEN_FILE": f"{OPENBAO_PATH}/token",
        "OPENBAO_ROLE": ROTATOR,
        "OPENBAO_MOUNT": KV,
        "ROUND_SECONDS": str(args.round_seconds),
    }
    return ServerArgs(
        name=ROTATOR,
        image=args.image,
        service_account=ROTATOR,
        selector=SELECTOR,
        ports={"http": PORT},
        resources=ResourceRequirementsArgs(
            requests={"cpu": "10m", "memory": "48Mi"}, limits={"cpu": "200m", "memory": "96Mi"}
        ),
        drain_seconds=10,
        env=[EnvVarArgs(name=key, value=value) for key, value in settings.items()],
        volumes=[openbao_volume(), VolumeArgs(name="authority", secret=authority)],
        mounts=[
            openbao_mount(),
            VolumeMountArgs(name="authority", mount_path=_AUTHORITY, read_only=True),
        ],
    )
