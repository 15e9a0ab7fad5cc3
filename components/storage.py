"""Disks of servers that keep something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import (
    LocalVolumeSourceArgs,
    NodeSelectorArgs,
    NodeSelectorRequirementArgs,
    NodeSelectorTermArgs,
    ObjectReferenceArgs,
    PersistentVolume,
    PersistentVolumeClaimArgs,
    PersistentVolumeClaimSpecArgs,
    PersistentVolumeSpecArgs,
    VolumeNodeAffinityArgs,
    VolumeResourceRequirementsArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

# Volumes that are bound by name alone: no provisioner takes a claim of this class.
BY_NAME = "groundwork-by-name"


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Where volumes come from. `size`: of each. `class_name`: of a provisioner; None: the cluster's default one.

    `folder`: on the one node there is, for a cluster that has no provisioner; its folders must be there.
    `namespace`: of the claims. `parts`: a volume for each, of each replica.
    """

    namespace: str
    size: str
    parts: tuple[str, ...] = ("data",)
    class_name: str | None = None
    folder: str | None = None

    def folders(self, server: str, replicas: int) -> list[str]:
        """What must be there on the node, below `folder`."""
        return [f"{server}/{part}-{number}" for number in range(replicas) for part in self.parts]

    def claim(self, part: str, labels: Mapping[str, str]) -> PersistentVolumeClaimArgs:
        """The template of a StatefulSet's claims."""
        name = None if self.folder is None else BY_NAME
        return PersistentVolumeClaimArgs(
            # A Pulumi template needs both, as the API server writes them into it.
            api_version="v1",
            kind="PersistentVolumeClaim",
            metadata=ObjectMetaArgs(name=part, labels=dict(labels)),
            spec=PersistentVolumeClaimSpecArgs(
                access_modes=["ReadWriteOnce"],
                storage_class_name=name or self.class_name,
                volume_mode="Filesystem",
                resources=VolumeResourceRequirementsArgs(requests={"storage": self.size}),
            ),
        )

    def volumes(
        self, server: str, labels: Mapping[str, str], *, replicas: int, opts: pulumi.ResourceOptions
    ) -> list[pulumi.Resource]:
        """The volumes themselves, where there is no provisioner: each for one claim and no other."""
        if self.folder is None:
            return []
        return [self._volume(server, part, number, labels, opts) for number in range(replicas) for part in self.parts]

    def _volume(
        self, server: str, part: str, number: int, labels: Mapping[str, str], opts: pulumi.ResourceOptions
    ) -> PersistentVolume:
        name = f"{server}-{part}-{number}"
        node = NodeSelectorRequirementArgs(key="kubernetes.io/os", operator="In", values=["linux"])
        spec = PersistentVolumeSpecArgs(
            capacity={"storage": self.size},
            access_modes=["ReadWriteOnce"],
            storage_class_name=BY_NAME,
            persistent_volume_reclaim_policy="Retain",
            claim_ref=ObjectReferenceArgs(
                api_version="v1",
                kind="PersistentVolumeClaim",
                namespace=self.namespace,
                name=f"{part}-{server}-{number}",
            ),
            local=LocalVolumeSourceArgs(path=f"{self.folder}/{server}/{part}-{number}"),
            node_affinity=VolumeNodeAffinityArgs(
                required=NodeSelectorArgs(node_selector_terms=[NodeSelectorTermArgs(match_expressions=[node])])
            ),
        )
        meta = ObjectMetaArgs(name=f"groundwork-{name}", labels=dict(labels))
        return PersistentVolume(f"{name}-volume", metadata=meta, spec=spec, opts=opts)
