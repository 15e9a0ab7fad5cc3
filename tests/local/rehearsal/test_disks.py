"""Disks of a rehearsal: one for each claim that has a node, as its class says, gone with its claim."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from components.labels import ZONE
from local.aws_plugin.account import Account
from local.cluster import Cluster
from local.rehearsal.disks import DRIVER, Seen, provision, reclaim, take_away, unbound
from tests.components.recording import at

KEY = "arn:aws:kms:eu-west-1:111122223333:key/data"
NODE = {"kind": "Node", "metadata": {"name": "n1", "labels": {ZONE: "eu-west-1b"}}}
FAST = {
    "kind": "StorageClass", "metadata": {"name": "fast"}, "provisioner": DRIVER, "reclaimPolicy": "Delete",
    "parameters": {
        "type": "gp3", "encrypted": "true", "kmsKeyId": KEY, "tagSpecification_1": "groundwork:backup=daily",
    },
}  # fmt: skip
OTHER = {**FAST, "metadata": {"name": "other"}, "provisioner": "example.com/disks"}


def claim(node: str = "n1", storage: str = "fast", phase: str = "Pending") -> Mapping[str, object]:
    chosen = {"volume.kubernetes.io/selected-node": node} if node else {}
    return {
        "kind": "PersistentVolumeClaim",
        "metadata": {"namespace": "one", "name": "data-web-0", "uid": "u1", "annotations": chosen},
        "spec": {"storageClassName": storage, "resources": {"requests": {"storage": "1500Mi"}}},
        "status": {"phase": phase},
    }


class Told(Cluster):
    """A cluster that has these objects, keeps what is applied to it, and deletes at once."""

    rows: list[Mapping[str, object]]

    def __init__(self, *rows: Mapping[str, object]) -> None:
        super().__init__(kubectl=Path("kubectl"), kubeconfig=Path("kubeconfig"))
        object.__setattr__(self, "rows", list(rows))

    def items(self, kinds: str, namespace: str | None = None) -> list[Mapping[str, object]]:  # noqa: ARG002 - of all
        return self.rows

    def apply(self, wanted: Mapping[str, object]) -> None:
        self.rows.append(wanted)

    def delete(self, kind: str, name: str, namespace: str) -> None:  # noqa: ARG002 - names are unlike here
        kept = [row for row in self.rows if at(row, "metadata", "name") != name]
        object.__setattr__(self, "rows", kept)


class Calls:
    """The account, which says what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, object]]] = []

    def call(self, api: str, operation: str, parameters: dict[str, object]) -> dict[str, object]:
        assert api == "ec2"
        self.asked.append((operation, parameters))
        return {"VolumeId": "vol-1"}


def provisioned(*rows: Mapping[str, object]) -> tuple[Told, Calls]:
    cluster, calls = Told(*rows), Calls()
    provision(Seen.of(cluster), cast("Account", calls), cluster)
    return cluster, calls


def test_a_claim_has_an_encrypted_disk_with_tags_in_the_zone_of_its_pod_once() -> None:
    cluster, calls = provisioned(NODE, FAST, claim())
    ((operation, asked),) = calls.asked
    assert (operation, asked["AvailabilityZone"], asked["Size"]) == ("CreateVolume", "eu-west-1b", 2)
    assert (asked["VolumeType"], asked["Encrypted"], asked["KmsKeyId"]) == ("gp3", True, KEY)
    assert at(asked, "TagSpecifications", 0, "Tags") == [{"Key": "groundwork:backup", "Value": "daily"}]
    made = cluster.rows[-1]
    assert at(made, "spec", "csi") == {"driver": DRIVER, "volumeHandle": "vol-1", "fsType": "ext4"}
    assert at(made, "spec", "claimRef", "uid") == "u1"
    provision(Seen.of(cluster), cast("Account", calls), cluster)
    assert len(calls.asked) == 1


@pytest.mark.parametrize("row", [claim(node=""), claim(storage="other"), claim(phase="Bound"), claim(node="gone")])
def test_a_claim_that_waits_or_is_another_s_gets_none(row: Mapping[str, object]) -> None:
    assert provisioned(NODE, FAST, OTHER, row)[1].asked == []


def test_a_disk_whose_claim_is_gone_goes_from_cluster_and_account() -> None:
    cluster, calls = provisioned(NODE, FAST, claim())
    volume = {**cluster.rows.pop(), "status": {"phase": "Released"}}
    cluster.apply(volume)
    reclaim(Seen.of(cluster), cast("Account", calls), cluster)
    assert calls.asked[-1] == ("DeleteVolume", {"VolumeId": "vol-1"})
    assert Seen.of(cluster).disks == ()


def test_a_claim_without_a_disk_is_named_and_all_are_taken_away() -> None:
    cluster = Told(claim(node=""))
    assert unbound(cluster) == ["one/data-web-0"]
    assert unbound(Told(claim(phase="Bound"))) == []
    take_away(cluster)
    assert cluster.rows == []
