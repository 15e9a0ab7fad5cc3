"""Simulated nodes as node groups ask for them, and what is said of pods that do not stand well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from components.labels import ZONE
from local.cluster import Cluster
from local.rehearsal.nodes import Group, crowded, unfilled, unplaced, without_pods
from tests.components.recording import at

AGENTS = Group(
    name="agents", size=5, zones=("a-1a", "a-1b", "a-1c"), instance="m7g.large", cpu=2, memory=8192, arm=True,
    labels={"for": "agents"}, taints=({"key": "agents", "effect": "NoSchedule"},),
)  # fmt: skip


AGENT = {"app.kubernetes.io/name": "web"}


class Told(Cluster):
    """A cluster with these pods, all of one deployment, or stateful set, of two. `scaled`: its autoscaler counted."""

    def __init__(self, *pods: tuple[str, str], scaled: int = 2) -> None:
        super().__init__(kubectl=Path("kubectl"), kubeconfig=Path("kubeconfig"))
        object.__setattr__(self, "pods", pods)
        object.__setattr__(self, "scaled", scaled)

    def items(self, kinds: str, namespace: str | None = None) -> list[Mapping[str, object]]:  # noqa: ARG002 - of all
        named = {"namespace": "one", "name": "web"}
        if kinds == "replicasets.apps,statefulsets.apps":
            return [{"metadata": named, "spec": {"replicas": 2}}]
        if kinds == "horizontalpodautoscalers.autoscaling":
            counted = {"status": {"currentReplicas": vars(self)["scaled"]}}
            return [{"metadata": {**named, "name": "web"}, "spec": {"minReplicas": 2}, **counted}]
        if kinds == "nodes":
            zones = {"n1": "a", "n2": "a", "n3": "b"}
            labels = {name: {"kubernetes.io/hostname": name, ZONE: zone} for name, zone in zones.items()}
            return [{"metadata": {"name": name, "labels": labels[name]}} for name in zones]
        pods: tuple[tuple[str, str], ...] = vars(self)["pods"]
        return [
            {
                "metadata": {**named, "name": f"web-{index}", "labels": AGENT, "ownerReferences": [{"name": "web"}]},
                "spec": {"nodeName": node} if node else {},
                "status": {"phase": phase},
            }
            for index, (node, phase) in enumerate(pods)
        ]


def test_a_groups_nodes_are_spread_over_its_zones() -> None:
    made = AGENTS.nodes()
    zones = Counter(at(node, "metadata", "labels", "topology.kubernetes.io/zone") for node in made)
    assert zones == {"a-1a": 2, "a-1b": 2, "a-1c": 1}
    assert len({at(node, "metadata", "name") for node in made}) == 5


def test_a_node_says_what_its_group_says() -> None:
    node: Mapping[str, object] = AGENTS.nodes()[0]
    labels = at(node, "metadata", "labels")
    assert isinstance(labels, dict)
    assert (labels["for"], labels["kubernetes.io/arch"]) == ("agents", "arm64")
    assert at(node, "spec", "taints") == [{"key": "agents", "effect": "NoSchedule"}]


def test_pods_that_stand_well_are_no_problem() -> None:
    cluster = Told(("n1", "Running"), ("n2", "Succeeded"))
    assert (unplaced(cluster), crowded(cluster)) == ([], [])


def test_a_pod_without_a_node_or_that_does_not_run_is_named() -> None:
    assert unplaced(Told(("", "Pending"), ("n1", "Failed"))) == ["one/web-0: Pending", "one/web-1: Failed"]


def test_a_pod_that_is_not_made_yet_is_missed() -> None:
    assert unfilled(Told(("n1", "Running"), ("n2", "Running"))) == []
    assert unfilled(Told(("n1", "Running"))) == ["one/web: 1 of 2"]


def test_an_autoscaler_that_has_not_asked_for_its_least_is_waited_for() -> None:
    assert unfilled(Told(("n1", "Running"), ("n2", "Running"), scaled=1)) == ["one/web: 1 of 2"]


def test_a_deployment_with_all_its_pods_on_one_node_is_named() -> None:
    assert crowded(Told(("n1", "Running"), ("n1", "Running"))) == ["one/web"]


def test_a_deployment_on_two_nodes_of_one_zone_is_named_where_there_is_another() -> None:
    assert crowded(Told(("n1", "Running"), ("n2", "Running"))) == []
    assert crowded(Told(("n1", "Running"), ("n2", "Running")), ZONE) == ["one/web"]
    assert crowded(Told(("n1", "Running"), ("n3", "Running")), ZONE) == []


def test_an_agent_without_a_pod_on_a_node_is_named() -> None:
    assert without_pods(Told(("n1", "Running")), ["one/web", "one/other"]) == ["one/other"]
    assert without_pods(Told(("", "Pending")), ["one/web"]) == ["one/web"]
