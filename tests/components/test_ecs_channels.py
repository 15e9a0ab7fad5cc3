"""Queues of agents on ECS: who takes from which, and who writes there."""

from __future__ import annotations

from components.agents.manifest import AgentManifest
from stacks.graph import Node, ResourceGraph
from tests.components.samples import manifest
from tests.components.test_rotation import made, policies

DESK = manifest("desk", channels={"publish": ["orders.created", "orders.lost"]})
PACKER = manifest("packer", channels={"subscribe": ["orders.created"]})
PLAIN = manifest("plain")


def shop(*agents: AgentManifest) -> ResourceGraph:
    return made("acme", *(agents or (DESK, PACKER, PLAIN)))


def queues(graph: ResourceGraph) -> dict[str, Node]:
    return {node.name: node for node in graph.of("Queue")}


def test_who_subscribes_has_a_queue_and_one_for_what_it_gave_up() -> None:
    found = queues(shop())
    assert set(found) == {"acme-packer-inbox", "acme-packer-inbox-aside"}
    assert all(node.inputs["sqsManagedSseEnabled"] is True for node in found.values())
    aside, inbox = found["acme-packer-inbox-aside"], found["acme-packer-inbox"]
    assert aside.urn in shop().needs(inbox.urn)


def test_each_takes_from_its_own_and_writes_where_it_is_heard() -> None:
    """What exactly they say is known where queues are: tests/engine/aws/test_ecs_tenant.py."""
    graph = shop()
    found = policies(graph)
    assert {name for name in found if name.endswith("-channels")} == {"acme-desk-channels", "acme-packer-channels"}
    inbox = queues(graph)["acme-packer-inbox"].urn
    for agent in ("desk", "packer"):
        assert inbox in graph.needs(found[f"acme-{agent}-channels"].urn)


def test_it_grows_by_what_waits_for_each_task() -> None:
    graph = shop(manifest("packer", channels={"subscribe": ["a"]}, limits={"concurrency": 8}))
    (policy,) = [node for node in graph.of("Policy") if node.name == "acme-packer-queue"]
    tracked = policy.inputs["targetTrackingScalingPolicyConfiguration"]
    assert isinstance(tracked, dict)
    assert tracked["targetValue"] == 8
    rows = tracked["customizedMetricSpecification"]["metrics"]
    assert [row.get("metricStat", {}).get("metric", {}).get("namespace") for row in rows] == [
        "AWS/SQS",
        "ECS/ContainerInsights",
        None,
    ]
    assert "/" in rows[-1]["expression"]
