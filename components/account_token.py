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

NAME = "token"
PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # where client libraries look for it
SECONDS = 3600


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
