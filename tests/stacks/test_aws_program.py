"""What the AWS environments ask for, as a graph that needs no account."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from groundwork.errors import UserError
from policies.pack.aws.tags import may_be_tagged
from stacks.aws_images import images_of
from stacks.graph import Node, ResourceGraph, graph_of
from stacks.preview import Change, compare
from stacks.settings import from_file

CHECKOUT = Path(__file__).parents[2]
RECORDED = Path(__file__).parent
ENVIRONMENTS = ["dev", "staging", "prod", "ecs"]
EKS = ["dev", "staging", "prod"]


@functools.cache
def graph(environment: str) -> ResourceGraph:
    return graph_of(environment, CHECKOUT)


def kind(node: Node) -> str:
    return node.type.rpartition(":")[2]


def aws(environment: str) -> list[Node]:
    return [node for node in graph(environment).nodes if node.type.startswith("aws:")]


def urns(nodes: Iterable[Node]) -> list[str]:
    return sorted(node.urn for node in nodes)


@pytest.mark.parametrize("environment", [*ENVIRONMENTS, "dev.acme", "ecs.acme"])
def test_the_urns_are_those_on_record(environment: str) -> None:
    """A name or a parent that changes makes a new resource of an old one: give it an alias, then record it anew."""
    recorded = (RECORDED / f"urns.{environment}.txt").read_text("utf-8").splitlines()
    found = graph(environment)
    gone = [step.urn for step in compare({urn: {} for urn in recorded}, found) if step.change is Change.DELETE]
    assert gone == [], "these would be deleted, or replaced where the same stands under another name"
    assert urns(found.nodes) == recorded


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_name_stands_twice(environment: str) -> None:
    found = urns(graph(environment).nodes)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("environment", [*ENVIRONMENTS, "ecs.acme"])
def test_everything_that_can_be_tagged_says_whose_it_is(environment: str) -> None:
    for node in aws(environment):
        if not may_be_tagged(node.type):
            assert "tags" not in node.inputs, node.urn
            continue
        tags = node.inputs["tags"]
        assert isinstance(tags, Mapping), node.urn
        name, _, tenant = environment.partition(".")
        assert tags["groundwork:environment"] == name
        assert tags["groundwork:component"]
        assert tags["groundwork:cost-centre"] == "hospitality" if tenant else tags["groundwork:cost-centre"]
        assert tags.get("groundwork:tenant", "") == tenant


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_load_balancers_and_services_go_before_the_network(environment: str) -> None:
    """What is made after goes before: each of these must need the routes that it works by."""
    found = graph(environment)
    network = {node.urn for node in found.nodes if kind(node) in {"NatGateway", "Route", "VpcEndpoint", "Subnet"}}
    wanted = ["LoadBalancer", "NodeGroup"] if environment in EKS else ["LoadBalancer"]
    for each in wanted:
        for node in [node for node in found.nodes if node.type.startswith("aws:") and kind(node) == each]:
            assert network <= found.needs(node.urn), node.urn


@pytest.mark.parametrize("environment", EKS)
def test_objects_of_the_cluster_go_before_its_nodes_and_custom_ones_before_their_operators(environment: str) -> None:
    found = graph(environment)
    nodes = {node.urn for node in found.of("NodeGroup") if node.custom}
    charts = {node.urn for node in found.of("Chart") if node.name in {"mesh-base", "mesh-istiod"}}
    kubernetes = [node for node in found.nodes if node.type.startswith("kubernetes:") and node.custom]
    istio = [node for node in kubernetes if ".istio.io/" in node.type]
    assert nodes
    assert charts
    assert len(istio) > 5
    for node in kubernetes:
        assert nodes <= found.needs(node.urn), node.urn
    for node in istio:
        assert charts <= found.needs(node.urn), node.urn


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_stores_are_closed_encrypted_and_kept(environment: str) -> None:
    (database,) = [node for node in aws(environment) if node.type == "aws:rds/instance:Instance"]
    assert database.inputs["storageEncrypted"] is True
    assert database.inputs["publiclyAccessible"] is False
    assert database.inputs["manageMasterUserPassword"] is True
    assert "password" not in database.inputs
    (cache,) = graph(environment).of("ReplicationGroup")
    assert cache.inputs["transitEncryptionMode"] == "required"
    assert cache.inputs["multiAzEnabled"] is True
    for group in [
        node for node in aws(environment) if node.type == "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    ]:
        assert (group.inputs["ingress"], group.inputs["egress"]) == ([], [])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_only_the_load_balancer_is_open_to_all(environment: str) -> None:
    opened = [
        (node.name, node.inputs["fromPort"])
        for node in graph(environment).of("SecurityGroupIngressRule")
        if node.inputs.get("cidrIpv4") == "0.0.0.0/0"
    ]
    assert sorted(opened) == [("edge-443-0", 443), ("edge-80-0", 80)]


@pytest.mark.parametrize("environment", EKS)
def test_the_control_plane_is_private_logged_and_encrypted(environment: str) -> None:
    (cluster,) = [node for node in aws(environment) if node.type == "aws:eks/cluster:Cluster"]
    access = cluster.inputs["vpcConfig"]
    assert isinstance(access, Mapping)
    assert (access["endpointPrivateAccess"], access["endpointPublicAccess"]) == (True, False)
    assert len(list(map(str, cluster.inputs["enabledClusterLogTypes"]))) == 5  # type: ignore[call-overload]  # a list
    assert "encryptionConfig" in cluster.inputs


def test_production_is_larger_by_its_settings_alone() -> None:
    assert len(graph("prod").nodes) > len(graph("dev").nodes)
    kinds = [{node.type for node in graph(environment).nodes} for environment in ("staging", "prod")]
    assert kinds[0] == kinds[1]


def test_a_run_without_images_is_refused_unless_it_says_that_they_are_simulated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = from_file(CHECKOUT / "Pulumi.prod.yaml")
    assert settings.aws is not None
    monkeypatch.delenv("GROUNDWORK_IMAGES", raising=False)
    with pytest.raises(UserError, match="has no images"):
        images_of(settings, settings.aws)
    monkeypatch.setenv("GROUNDWORK_IMAGES", "simulated")
    made = images_of(settings, settings.aws)
    assert all("/simulated/" in reference for reference in made.values())
    monkeypatch.delenv("GROUNDWORK_IMAGES")
    with pytest.raises(UserError, match="is simulated and exists nowhere"):
        images_of(settings.model_copy(update={"images": made}), settings.aws)


def test_a_graph_compared_with_itself_is_the_same_and_a_change_is_named_by_its_keys() -> None:
    found = graph("dev")
    before = {node.urn: dict(node.inputs) for node in found.nodes}
    assert {step.change for step in compare(before, found)} == {Change.SAME}
    database = next(node.urn for node in found.nodes if node.type == "aws:rds/instance:Instance")
    before[database]["multiAz"] = True
    before["urn:pulumi:dev::groundwork::aws:s3/bucket:Bucket::old"] = {}
    changed = [step for step in compare(before, found) if step.change is not Change.SAME]
    assert [(step.change, step.keys) for step in changed] == [(Change.UPDATE, ("multiAz",)), (Change.DELETE, ())]
