"""Simulated nodes as the account's node groups ask for them: number, size, zones, labels and taints."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from components.labels import HOST, ZONE
from local.aws_plugin.account import Account
from local.cluster import Cluster
from local.rehearsal.beside import again

_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}
# What the kubelet and the system keep for themselves on a small machine of EKS, roughly.
_RESERVED_MEMORY_MIB, _RESERVED_CPU_MILLI = 900, 100
_PODS = 110
_OWNERS = "replicasets.apps,statefulsets.apps"


@dataclass(frozen=True)
class Group:
    """A node group of EKS."""

    name: str
    size: int
    zones: tuple[str, ...]
    instance: str
    cpu: int
    memory: int
    arm: bool
    labels: Mapping[str, str]
    taints: tuple[Mapping[str, str], ...]

    def nodes(self) -> list[Mapping[str, object]]:
        """The Node objects, spread over the zones in turn. `memory` is in MiB."""
        return [self._node(index, self.zones[index % len(self.zones)]) for index in range(self.size)]

    def _node(self, index: int, zone: str) -> Mapping[str, object]:
        name = f"{self.name}-{index}"
        labels = {
            **self.labels,
            "groundwork.dev/simulated": "true",
            "groundwork.dev/cpu": f"{self.cpu * 1000 - _RESERVED_CPU_MILLI}m",
            "groundwork.dev/memory": f"{self.memory - _RESERVED_MEMORY_MIB}Mi",
            "groundwork.dev/pods": str(_PODS),
            "eks.amazonaws.com/nodegroup": self.name,
            HOST: name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "arm64" if self.arm else "amd64",
            "node.kubernetes.io/instance-type": self.instance,
            ZONE: zone,
            "topology.kubernetes.io/region": zone[:-1],
        }
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": {"taints": [dict(taint) for taint in self.taints]} if self.taints else {},
        }


def groups(account: Account) -> list[Group]:
    """The account's node groups. Raises `PluginError`."""
    found = []
    for cluster in account.call("eks", "ListClusters", {})["clusters"]:
        for name in account.call("eks", "ListNodegroups", {"clusterName": cluster})["nodegroups"]:
            asked = {"clusterName": cluster, "nodegroupName": name}
            found.append(_group(account, account.call("eks", "DescribeNodegroup", asked)["nodegroup"]))
    return found


def _group(account: Account, row: Mapping[str, object]) -> Group:
    scaling, subnets, types = row["scalingConfig"], row["subnets"], row.get("instanceTypes") or ["t3.medium"]
    assert isinstance(scaling, dict) and isinstance(types, list)  # noqa: S101 - as the API has them
    asked = account.call("ec2", "DescribeSubnets", {"SubnetIds": subnets})["Subnets"]
    machine = account.call("ec2", "DescribeInstanceTypes", {"InstanceTypes": types[:1]})["InstanceTypes"][0]
    taints = row.get("taints") or []
    labels = row.get("labels") or {}
    assert isinstance(taints, list) and isinstance(labels, dict)  # noqa: S101 - as the API has them
    return Group(
        name=str(row["nodegroupName"]),
        size=int(scaling["desiredSize"]),
        zones=tuple(sorted({subnet["AvailabilityZone"] for subnet in asked})),
        instance=str(types[0]),
        cpu=int(machine["VCpuInfo"]["DefaultVCpus"]),
        memory=int(machine["MemoryInfo"]["SizeInMiB"]),
        arm="arm64" in machine["ProcessorInfo"]["SupportedArchitectures"],
        labels={str(key): str(value) for key, value in labels.items()},
        taints=tuple(
            {"key": taint["key"], "effect": _EFFECTS[taint["effect"]]}
            | ({"value": taint["value"]} if taint.get("value") else {})
            for taint in taints
        ),
    )


@contextmanager
def following(account: Account, cluster: Cluster) -> Iterator[list[str]]:
    """Make the nodes as soon as their groups are there, for as long as the block lasts. Gives the nodes' names."""
    made: list[str] = []

    def look() -> None:
        for node in [node for group in groups(account) for node in group.nodes()]:
            metadata = node["metadata"]
            assert isinstance(metadata, dict)  # noqa: S101 - made above
            if metadata["name"] not in made:
                cluster.apply(node)
                made.append(str(metadata["name"]))

    with again(look):
        yield made


def drop_own(cluster: Cluster, kubectl: str, name: str) -> None:
    """Remove the node that the scratch control plane came with: it is in no node group."""
    command = [kubectl, "--kubeconfig", str(cluster.kubeconfig), "delete", "node", name, "--wait=false"]
    subprocess.run(command, capture_output=True, check=True)


def unplaced(cluster: Cluster) -> list[str]:
    """Pods that no node has, or that do not count as running, as `namespace/name: phase`."""
    found = []
    for pod in cluster.items("pods"):
        text = json.loads(json.dumps(pod))
        phase = text.get("status", {}).get("phase")
        if not text["spec"].get("nodeName") or phase not in ("Running", "Succeeded"):
            found.append(f"{_named(text)}: {phase}")
    return sorted(found)


def unfilled(cluster: Cluster) -> list[str]:
    """What has fewer pods than it is to have, as `namespace/name: 1 of 2`: an autoscaler asks for its least by itself,
    and a while after.
    """
    pods = json.loads(json.dumps(cluster.items("pods")))
    owners = Counter(
        f"{pod['metadata']['namespace']}/{owner['name']}"
        for pod in pods
        for owner in pod["metadata"].get("ownerReferences", [])
    )
    found = {name: (owners[name], count) for name, count in _wanted(cluster).items() if owners[name] < count}
    for item in json.loads(json.dumps(cluster.items("horizontalpodautoscalers.autoscaling"))):
        least, now = item["spec"].get("minReplicas", 1), item.get("status", {}).get("currentReplicas", 0)
        if now < least:
            found[_named(item)] = (now, least)
    return [f"{name}: {now} of {least}" for name, (now, least) in sorted(found.items())]


def crowded(cluster: Cluster, by: str = HOST) -> list[str]:
    """Deployments and stateful sets of two and more pods on nodes with one value of the label `by`, where there are
    others.
    """
    values = {
        item["metadata"]["name"]: item["metadata"]["labels"].get(by, "")
        for item in json.loads(json.dumps(cluster.items("nodes")))
    }
    if len(set(values.values())) < 2:
        return []
    places: dict[str, set[str]] = {}
    for pod in json.loads(json.dumps(cluster.items("pods"))):
        owner = (pod["metadata"].get("ownerReferences") or [{}])[0].get("name")
        if owner:
            place = values.get(pod["spec"].get("nodeName", ""), "")
            places.setdefault(f"{pod['metadata']['namespace']}/{owner}", set()).add(place)
    wanted = _wanted(cluster)
    return sorted(name for name, nodes in places.items() if wanted.get(name, 1) > 1 and len(nodes) < 2)


def _wanted(cluster: Cluster) -> dict[str, int]:
    """How many pods each replica set and stateful set is to have."""
    return {_named(item): item["spec"].get("replicas", 1) for item in json.loads(json.dumps(cluster.items(_OWNERS)))}


def _named(item: Mapping[str, Mapping[str, str]]) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


def without_pods(cluster: Cluster, agents: Iterable[str]) -> list[str]:
    """Agents (`tenant/agent`) that no pod with a node belongs to: the tenant is the namespace."""
    there = {
        f"{pod['metadata']['namespace']}/{pod['metadata']['labels'].get('app.kubernetes.io/name')}"
        for pod in json.loads(json.dumps(cluster.items("pods")))
        if pod["spec"].get("nodeName")
    }
    return sorted(set(agents) - there)
