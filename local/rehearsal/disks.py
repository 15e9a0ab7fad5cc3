"""Disks as EBS's driver makes them: a volume in the account for each claim, in the zone that its pod was given."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from components.labels import ZONE
from components.units import parse_bytes
from groundwork.waiting import wait_until
from local.aws_plugin.account import Account
from local.cluster import Cluster
from local.rehearsal.beside import again

DRIVER = "ebs.csi.aws.com"
# What the scheduler writes to a claim whose class waits for the first pod.
_NODE = "volume.kubernetes.io/selected-node"
_GONE_SECONDS = 60.0
_KINDS = "persistentvolumeclaims,persistentvolumes,storageclasses,nodes"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What a pod asks for. `size`: bytes; `zone`: of the node that its first pod was given, empty before; `class_`: of
    its storage. `bound`: it has its disk.
    """

    namespace: str
    name: str
    uid: str
    size: int
    class_: str
    zone: str
    bound: bool

    @property
    def volume(self) -> str:
        """The name of its PersistentVolume."""
        return f"pvc-{self.uid}"


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A PersistentVolume of the driver's. `handle`: EBS's name of it; `released`: its claim is gone, so it goes."""

    name: str
    handle: str
    zone: str
    released: bool


@dataclass(frozen=True, kw_only=True)
class Class:
    """A storage class of the driver's. `tags`: of each volume in the account, key=value."""

    name: str
    type: str
    encrypted: bool
    key: str | None
    reclaim: str
    tags: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All of it, as the cluster has it at one moment."""

    claims: tuple[Claim, ...]
    disks: tuple[Disk, ...]
    classes: tuple[Class, ...]

    @classmethod
    def of(cls, cluster: Cluster) -> Seen:
        """Ask. Raises UserError."""
        rows = json.loads(json.dumps(cluster.items(_KINDS)))
        kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in {row["kind"] for row in rows}}
        zones = {row["metadata"]["name"]: row["metadata"]["labels"].get(ZONE, "") for row in kinds.get("Node", [])}
        claims = [
            Claim(
                namespace=row["metadata"]["namespace"],
                name=row["metadata"]["name"],
                uid=row["metadata"]["uid"],
                size=parse_bytes(row["spec"]["resources"]["requests"]["storage"]),
                class_=row["spec"].get("storageClassName", ""),
                zone=zones.get(row["metadata"].get("annotations", {}).get(_NODE, ""), ""),
                bound=row.get("status", {}).get("phase") == "Bound",
            )
            for row in kinds.get("PersistentVolumeClaim", [])
        ]
        disks = [
            Disk(
                name=row["metadata"]["name"],
                handle=row["spec"]["csi"]["volumeHandle"],
                zone=row["metadata"]["labels"][ZONE],
                released=row.get("status", {}).get("phase") == "Released"
                and row["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
                and "deletionTimestamp" not in row["metadata"],
            )
            for row in kinds.get("PersistentVolume", [])
            if row["spec"].get("csi", {}).get("driver") == DRIVER
        ]
        classes = [
            Class(
                name=row["metadata"]["name"],
                type=row["parameters"]["type"],
                encrypted=row["parameters"].get("encrypted") == "true",
                key=row["parameters"].get("kmsKeyId"),
                reclaim=row["reclaimPolicy"],
                tags=tuple(value for key, value in row["parameters"].items() if key.startswith("tagSpecification_")),
            )
            for row in kinds.get("StorageClass", [])
            if row["provisioner"] == DRIVER
        ]
        return cls(claims=tuple(claims), disks=tuple(disks), classes=tuple(classes))


@contextmanager
def following(account: Account, cluster: Cluster) -> Iterator[None]:
    """Make disks as claims ask for them, and delete those whose claims are gone, for as long as the block lasts."""

    def look() -> None:
        seen = Seen.of(cluster)
        provision(seen, account, cluster)
        reclaim(seen, account, cluster)

    with again(look):
        yield


def unbound(cluster: Cluster) -> list[str]:
    """Claims that have no disk, as `namespace/name`."""
    return sorted(f"{claim.namespace}/{claim.name}" for claim in Seen.of(cluster).claims if not claim.bound)


def take_away(cluster: Cluster) -> None:
    """Delete the claims that outlive their servers, as an operator does by hand, and wait until no disk is left."""
    for claim in Seen.of(cluster).claims:
        cluster.delete("persistentvolumeclaim", claim.name, claim.namespace)
    wait_until(lambda: not Seen.of(cluster).disks, _GONE_SECONDS)


def provision(seen: Seen, account: Account, cluster: Cluster) -> None:
    """A disk for each claim whose pod has a node."""
    classes = {each.name: each for each in seen.classes}
    there = {disk.name for disk in seen.disks}
    for claim in seen.claims:
        if claim.zone and claim.class_ in classes and not claim.bound and claim.volume not in there:
            class_ = classes[claim.class_]
            cluster.apply(_volume(claim, class_, _made(account, claim, class_)))


def _made(account: Account, claim: Claim, class_: Class) -> str:
    """EBS's name of a new volume."""
    key = {"KmsKeyId": class_.key} if class_.encrypted and class_.key else {}
    tags = [{"Key": key, "Value": value} for key, _, value in (tag.partition("=") for tag in class_.tags)]
    asked = {
        "AvailabilityZone": claim.zone,
        "Size": math.ceil(claim.size / 2**30),
        "VolumeType": class_.type,
        "Encrypted": class_.encrypted,
        "TagSpecifications": [{"ResourceType": "volume", "Tags": tags}],
        **key,
    }
    return str(account.call("ec2", "CreateVolume", asked)["VolumeId"])


def _volume(claim: Claim, class_: Class, handle: str) -> dict[str, object]:
    zone = {"key": ZONE, "operator": "In", "values": [claim.zone]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": claim.volume,
            "labels": {ZONE: claim.zone},
            "annotations": {"pv.kubernetes.io/provisioned-by": DRIVER},
        },
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "capacity": {"storage": str(claim.size)},
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "name": claim.name, "namespace": claim.namespace, "uid": claim.uid,
            },
            "csi": {"driver": DRIVER, "volumeHandle": handle, "fsType": "ext4"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [zone]}]}},
            "persistentVolumeReclaimPolicy": class_.reclaim,
            "storageClassName": class_.name,
            "volumeMode": "Filesystem",
        },
    }  # fmt: skip


def reclaim(seen: Seen, account: Account, cluster: Cluster) -> None:
    """The end of each disk whose claim is gone."""
    for disk in seen.disks:
        if disk.released:
            account.call("ec2", "DeleteVolume", {"VolumeId": disk.handle})
            cluster.delete("persistentvolume", disk.name, "")
