"""Which changed fields make a new object necessary, because the API server refuses to change them in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from local.kubernetes_plugin.objects import GVK
from local.plugin.values import Json

Pattern: TypeAlias = tuple[str, ...]

IDENTITY: Final[tuple[Pattern, ...]] = (("metadata", "name"), ("metadata", "namespace"))

_POD_FIELDS: Final = [
    "affinity",
    "automountServiceAccountToken",
    "dnsConfig",
    "dnsPolicy",
    "enableServiceLinks",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostname",
    "imagePullSecrets",
    "nodeName",
    "nodeSelector",
    "overhead",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "readinessGates",
    "restartPolicy",
    "runtimeClassName",
    "schedulerName",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "shareProcessNamespace",
    "subdomain",
    "terminationGracePeriodSeconds",
    "volumes",
]
_CONTAINER_FIELDS: Final = [
    "args",
    "command",
    "env",
    "image",
    "imagePullPolicy",
    "lifecycle",
    "livenessProbe",
    "ports",
    "readinessProbe",
    "resources",
    "securityContext",
    "stdin",
    "stdinOnce",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "tty",
    "volumeDevices",
    "volumeMounts",
    "workingDir",
]
_VOLUME_SOURCES: Final = [
    "awsElasticBlockStore",
    "azureDisk",
    "azureFile",
    "cephfs",
    "cinder",
    "csi",
    "fc",
    "flexVolume",
    "flocker",
    "gcePersistentDisk",
    "glusterfs",
    "hostPath",
    "iscsi",
    "local",
    "nfs",
    "photonPersistentDisk",
    "portworxVolume",
    "quobyte",
    "rbd",
    "scaleIO",
    "storageos",
    "vsphereVolume",
]


def _spec(*fields: str) -> tuple[Pattern, ...]:
    return tuple(("spec", field) for field in fields)


_POD: Final = _spec(*_POD_FIELDS) + tuple(
    ("spec", containers, "*", field) for containers in ("containers", "initContainers") for field in _CONTAINER_FIELDS
)

_TABLE: Final[Mapping[tuple[str, str], tuple[Pattern, ...]]] = {
    ("apps", "DaemonSet"): _spec("selector"),
    ("apps", "Deployment"): _spec("selector"),
    ("apps", "StatefulSet"): _spec(
        "podManagementPolicy", "revisionHistoryLimit", "selector", "serviceName", "volumeClaimTemplates"
    ),
    ("batch", "Job"): _spec("completions", "parallelism", "selector", "template"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"): (("roleRef",),),
    ("rbac.authorization.k8s.io", "RoleBinding"): (("roleRef",),),
    ("storage.k8s.io", "StorageClass"): (("parameters",), ("provisioner",)),
    ("", "PersistentVolume"): _spec(*_VOLUME_SOURCES),
    ("", "PersistentVolumeClaim"): _spec("accessModes", "selector", "storageClassName", "volumeName"),
    ("", "Pod"): _POD,
    ("", "ResourceQuota"): _spec("scopes"),
    ("", "Secret"): (("type",),),
    ("", "Service"): _spec("clusterIP"),
}


def force_new(obj: Mapping[str, Json], *, config_map_mutable: bool, secret_mutable: bool) -> tuple[Pattern, ...]:
    """The patterns of paths whose change replaces this object. `*` in a pattern stands for any list index."""
    gvk = GVK.of(obj)
    patterns = IDENTITY + _TABLE.get((gvk.group, gvk.kind), ())
    immutable = obj.get("immutable") is True
    if gvk.group == "" and gvk.kind == "ConfigMap" and (immutable or not config_map_mutable):
        patterns += (("binaryData",), ("data",))
    if gvk.group == "" and gvk.kind == "Secret" and (immutable or not secret_mutable):
        patterns += (("stringData",), ("data",))
    return patterns


def forces(patterns: Sequence[Pattern], path: Sequence[str | int], value: Json) -> bool:
    """Whether a change at `path`, to `value`, touches one of the patterns (at, below or inside of it)."""
    return any(_touches(pattern, path, value) for pattern in patterns)


def _touches(pattern: Pattern, path: Sequence[str | int], value: Json) -> bool:
    for index, part in enumerate(pattern):
        if index == len(path):
            return _has(value, pattern[index:])
        if part != "*" and part != path[index]:
            return False
        if part == "*" and not isinstance(path[index], int):
            return False
    return True


def _has(value: Json, pattern: Pattern) -> bool:
    if not pattern:
        return True
    if pattern[0] == "*":
        return isinstance(value, list) and any(_has(item, pattern[1:]) for item in value)
    return isinstance(value, dict) and pattern[0] in value and _has(value[pattern[0]], pattern[1:])
