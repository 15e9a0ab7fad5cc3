"""Every object of a cluster with its resourceVersion, to be compared after something was done to one tenant."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet

from groundwork.waiting import wait_until

# What changes with nobody's doing, by the cluster's own clockwork: looked at without their status and versions.
# An autoscaler notes what it measured, a key how often it was used, a node and its pods that they are alive,
# and what brings a secret when it last did.
ALIVE = frozenset({"HorizontalPodAutoscaler", "ApiKey", "Node", "Pod", "Domain", "ExternalSecret"})
# Of these, what counts pods, and notes each that is ready or late to say so; and the API server, which server answers.
COUNTING = frozenset(
    {
        "APIService",
        "DaemonSet",
        "Deployment",
        "EndpointSlice",
        "Endpoints",
        "PodDisruptionBudget",
        "ReplicaSet",
        "ResourceQuota",
        "StatefulSet",
    }
)
# What is nothing but such a note.
NOTES = frozenset({"events", "events.events.k8s.io", "leases.coordination.k8s.io", "componentstatuses"})
MEASURED = "metrics.k8s.io"
# Of an object that servers elect their leader with, and renew every few seconds.
ELECTION = "control-plane.alpha.kubernetes.io/leader"

Kubectl = Callable[..., str]
Key = tuple[str, str, str]


def objects(kubectl: Kubectl) -> dict[Key, str]:
    """(kind, namespace, name) → what stays as long as nobody touches the object. Every kind that can be listed.

    An autoscaler is nobody: what it scales is looked at without its replicas, and without the pods that come and go.
    """
    names = kubectl("api-resources", "--verbs=list", "-o", "name").split()
    kinds = [name for name in names if name not in NOTES and not name.endswith(MEASURED)]
    items = json.loads(kubectl("get", ",".join(kinds), "-A", "-o", "json"))["items"]
    scaled = {
        (str(item["metadata"]["namespace"]), str(item["spec"]["scaleTargetRef"]["name"]))
        for item in items
        if item["kind"] == "HorizontalPodAutoscaler"
    }
    kept = (item for item in items if item["kind"] != "Pod" or _deployment(item) not in scaled)
    return {_key(item): _state(item, scaled) for item in kept}


def settled(kubectl: Kubectl, seconds: float = 300) -> dict[Key, str]:
    """The same, once what the cluster had still to do is done: autoscalers have acted, nothing is being deleted, and
    two looks in a row agree.
    """
    looks = [objects(kubectl)]

    def agree() -> bool:
        looks.append(objects(kubectl))
        return looks[-1] == looks[-2] and not _unscaled(kubectl) and not _ending(kubectl)

    assert wait_until(agree, seconds), (touched(looks[-2], looks[-1]), _unscaled(kubectl), _ending(kubectl))
    return looks[-1]


def _unscaled(kubectl: Kubectl) -> list[str]:
    """What has fewer replicas than its autoscaler will give it: new ones begin with one, for some seconds."""
    scalers = json.loads(kubectl("get", "horizontalpodautoscalers", "-A", "-o", "json"))["items"]
    return [
        f"{scaler['metadata']['namespace']}/{scaler['metadata']['name']}"
        for scaler in scalers
        if scaler["status"].get("currentReplicas", 0) < scaler["spec"].get("minReplicas", 1)
    ]


def _ending(kubectl: Kubectl) -> list[str]:
    """Namespaces that are on their way out: another test's, which does not wait for it."""
    path = '{range .items[?(@.status.phase=="Terminating")]}{.metadata.name} {end}'
    return kubectl("get", "namespaces", "-o", f"jsonpath={path}").split()


def touched(before: Mapping[Key, str], after: Mapping[Key, str], *tenants: str) -> dict[Key, tuple[str, str]]:
    """What differs, as it was and as it is ("" where it is not there), of the objects that are not these tenants'."""
    own = {*tenants, *(f"tenant-{tenant}" for tenant in tenants)}
    keys = {key for key in before.keys() | after.keys() if key[1] not in own and key[2] not in own}
    found = {key: (before.get(key, ""), after.get(key, "")) for key in sorted(keys)}
    return {key: states for key, states in found.items() if states[0] != states[1]}


def _key(item: Mapping[str, object]) -> Key:
    metadata = item["metadata"]
    assert isinstance(metadata, Mapping)
    place = metadata
    if item["kind"] == "IPAddress":  # of no namespace itself, it belongs to a Service that is
        spec = item["spec"]
        assert isinstance(spec, Mapping)
        place = spec["parentRef"]
    return str(item["kind"]), str(place.get("namespace", "")), str(metadata["name"])


def _state(item: Mapping[str, object], scaled: AbstractSet[tuple[str, str]]) -> str:
    metadata, spec = item["metadata"], item.get("spec")
    assert isinstance(metadata, Mapping)
    if item["kind"] in COUNTING:
        if isinstance(spec, Mapping) and _deployment(item) in scaled:
            spec = {name: value for name, value in spec.items() if name != "replicas"}
        return json.dumps([metadata["uid"], metadata.get("labels"), spec], sort_keys=True)
    if item["kind"] not in ALIVE and ELECTION not in metadata.get("annotations", {}):
        return str(metadata["resourceVersion"])
    return json.dumps([metadata["uid"], spec], sort_keys=True)


def _deployment(item: Mapping[str, object]) -> tuple[str, str]:
    """Namespace and name of the Deployment that an object is, or is made by; no name where it is none."""
    metadata = item["metadata"]
    assert isinstance(metadata, Mapping)
    namespace, owners = str(metadata.get("namespace", "")), metadata.get("ownerReferences", [])
    if item["kind"] == "Deployment":
        return namespace, str(metadata["name"])
    if item["kind"] == "ReplicaSet":
        return namespace, next((str(owner["name"]) for owner in owners if owner["kind"] == "Deployment"), "")
    # A ReplicaSet's name is its Deployment's and a hash of what its pods are made from.
    sets = (str(owner["name"]) for owner in owners if owner["kind"] == "ReplicaSet")
    return namespace, next(sets, "").rpartition("-")[0]
