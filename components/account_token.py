"""The token of a pod's service account, for one of its containers alone: pods get none by themselves."""

from __future__ import annotations

from pulumi_kubernetes.core.v1 import (
    ConfigMapProjectionArgs,
    DownwardAPIProjectionArgs,
    DownwardAPIVolumeFileArgs,
    KeyToPathArgs,
    ObjectFieldSelectorArgs,
    ProjectedVolumeSourceArgs,
    ServiceAccountTokenProjectionArgs,
    VolumeArgs,
    VolumeMountArgs,
    VolumeProjectionArgs,
)

from components.secrets.names import AUDIENCE

NAME = "token"
PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # where client libraries look for it
SECONDS = 3600
OPENBAO, OPENBAO_PATH, OPENBAO_SECONDS = "openbao", "/run/openbao", 600


def token_volume() -> VolumeArgs:
    """The token, short-lived and renewed, with the cluster's authority and the namespace."""
    authority = [KeyToPathArgs(key="ca.crt", path="ca.crt")]
    namespace = DownwardAPIVolumeFileArgs(
        path="namespace", field_ref=ObjectFieldSelectorArgs(field_path="metadata.namespace")
    )
    sources = [
        VolumeProjectionArgs(
            service_account_token=ServiceAccountTokenProjectionArgs(path="token", expiration_seconds=SECONDS)
        ),
        VolumeProjectionArgs(config_map=ConfigMapProjectionArgs(name="kube-root-ca.crt", items=authority)),
        VolumeProjectionArgs(downward_api=DownwardAPIProjectionArgs(items=[namespace])),
    ]
    return VolumeArgs(name=NAME, projected=ProjectedVolumeSourceArgs(default_mode=0o440, sources=sources))


def token_mount() -> VolumeMountArgs:
    """For the container that has need of it."""
    return VolumeMountArgs(name=NAME, mount_path=PATH, read_only=True)


def openbao_volume() -> VolumeArgs:
    """A token of the same account for OpenBao alone, which the API server does not take."""
    token = ServiceAccountTokenProjectionArgs(path="token", audience=AUDIENCE, expiration_seconds=OPENBAO_SECONDS)
    sources = [VolumeProjectionArgs(service_account_token=token)]
    return VolumeArgs(name=OPENBAO, projected=ProjectedVolumeSourceArgs(default_mode=0o440, sources=sources))


def openbao_mount() -> VolumeMountArgs:
    """For the container that asks OpenBao: the file `token`."""
    return VolumeMountArgs(name=OPENBAO, mount_path=OPENBAO_PATH, read_only=True)
