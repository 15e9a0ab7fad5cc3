"""A process that asks OpenBao with a token of its own account: one at a time, asked by nobody but for its metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from pulumi_kubernetes.networking.v1 import NetworkPolicy, NetworkPolicyEgressRuleArgs
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components.account_token import OPENBAO_PATH, openbao_mount, openbao_volume
from components.labels import platform_labels
from components.secrets import network
from components.secrets.names import ADDRESS, NAMESPACE, OPENBAO, TLS_SECRET
from components.workload import ServerArgs, deployment_spec, one_at_a_time

PORT = 8080
_AUTHORITY = "/run/authority"


@dataclass(frozen=True, kw_only=True)
class Client:
    """`name`: of its account, its role in OpenBao and its objects. `settings`: of its environment, beside how
    OpenBao is reached; `egress`: where else it may go; `command`: in place of the image's own.
    """

    name: str
    image: pulumi.Input[str]
    settings: Mapping[str, str]
    resources: ResourceRequirementsArgs
    drain_seconds: int
    command: Sequence[str] = ()
    egress: Sequence[NetworkPolicyEgressRuleArgs] = ()
    volumes: Sequence[VolumeArgs] = ()
    mounts: Sequence[VolumeMountArgs] = ()

    @property
    def selector(self) -> dict[str, str]:
        """Its pods."""
        return {"app.kubernetes.io/name": self.name}


def run(parent: pulumi.Resource, name: str, environment: str, client: Client) -> None:
    """Its account, who it may ask, and its Deployment. `name`: the resources'."""
    child = pulumi.ResourceOptions(parent=parent)
    labels = platform_labels(environment, client.name)
    meta = ObjectMetaArgs(name=client.name, namespace=NAMESPACE, labels=labels)
    policy = network.caller(
        client.selector, {"app.kubernetes.io/name": OPENBAO}, PORT, api_server=False, more=client.egress
    )
    guards: list[pulumi.Resource] = [
        ServiceAccount(name, metadata=meta, automount_service_account_token=False, opts=child),
        NetworkPolicy(name, metadata=meta, spec=policy, opts=child),
        PodDisruptionBudget(name, metadata=meta, spec=one_at_a_time(client.selector), opts=child),
    ]
    notes = {"prometheus.io/scrape": "true", "prometheus.io/port": str(PORT)}
    Deployment(
        name,
        metadata=meta,
        spec=deployment_spec(
            _server(client),
            ObjectMetaArgs(labels=labels, annotations=notes),
            replicas=1,
            # Two at once would only do the same twice; the next begins as soon as it is there.
            strategy=DeploymentStrategyArgs(type="Recreate"),
        ),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=guards),
    )


def _server(client: Client) -> ServerArgs:
    # The authority alone: the key beside it is OpenBao's own.
    authority = SecretVolumeSourceArgs(
        secret_name=TLS_SECRET, default_mode=0o440, items=[KeyToPathArgs(key="ca.crt", path="ca.crt")]
    )
    settings = {
        "OPENBAO_ADDRESS": ADDRESS,
        "OPENBAO_AUTHORITY": f"{_AUTHORITY}/ca.crt",
        "OPENBAO_TOKEN_FILE": f"{OPENBAO_PATH}/token",
        "OPENBAO_ROLE": client.name,
        **client.settings,
    }
    return ServerArgs(
        name=client.name,
        image=client.image,
        command=client.command,
        service_account=client.name,
        selector=client.selector,
        ports={"http": PORT},
        resources=client.resources,
        drain_seconds=client.drain_seconds,
        env=[EnvVarArgs(name=key, value=value) for key, value in settings.items()],
        volumes=[openbao_volume(), VolumeArgs(name="authority", secret=authority), *client.volumes],
        mounts=[
            openbao_mount(),
            VolumeMountArgs(name="authority", mount_path=_AUTHORITY, read_only=True),
            *client.mounts,
        ],
    )
