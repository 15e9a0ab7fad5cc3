"""EKS beside what the environments' own settings have: Karpenter, refusals, the kubeconfig."""

from __future__ import annotations

import json

import pytest

from components.aws import Scope
from components.cluster.eks import Eks, EksArgs, kubeconfig
from components.cluster.nodes import NodeGroupArgs
from components.cluster.versions import ADDONS, BEFORE_NODES
from components.secrets.aws import PURPOSES
from groundwork.errors import UserError
from stacks.graph import ResourceGraph
from stacks.listening import listen

SCOPE = Scope(environment="prod", account="123456789012", region="eu-west-1", cost_centre="platform")
ADMIN = "arn:aws:iam::123456789012:role/admin"


def args(*, version: str = "1.35", public: tuple[str, ...] = (), karpenter: bool = False) -> EksArgs:
    return EksArgs(
        scope=SCOPE,
        version=version,
        subnet_ids=["subnet-a", "subnet-b", "subnet-c"],
        service_cidr="172.20.0.0/16",
        node_groups={"general": NodeGroupArgs(instance_types=["m7g.large"], min=3, max=6)},
        keys=dict.fromkeys(PURPOSES, "arn:key"),
        admins=[ADMIN],
        public_access=public,
        karpenter=karpenter,
    )


def made(*, karpenter: bool) -> ResourceGraph:
    return listen(lambda: Eks("eks", args(karpenter=karpenter)), "prod")


@pytest.mark.parametrize("version", sorted(ADDONS))
def test_every_version_has_all_add_ons(version: str) -> None:
    assert set(BEFORE_NODES) < set(ADDONS[version])
    assert set(ADDONS[version]) == set(ADDONS["1.35"])


def test_karpenter_is_a_setting_and_ends_only_what_it_made() -> None:
    without, graph = made(karpenter=False), made(karpenter=True)
    more = {node.urn for node in graph.nodes} - {node.urn for node in without.nodes}
    assert more
    assert all("Karpenter" in urn for urn in more)
    assert len(graph.of("EventRule")) == len(graph.of("EventTarget")) == 4
    (association,) = graph.of("PodIdentityAssociation")
    assert (association.inputs["namespace"], association.inputs["serviceAccount"]) == ("kube-system", "karpenter")


def test_nodes_wait_for_what_makes_them_ready_and_the_rest_waits_for_nodes() -> None:
    graph = made(karpenter=False)
    (nodes,) = [node for node in graph.of("NodeGroup") if node.custom]
    addons = {node.name.removeprefix("eks-"): node for node in graph.of("Addon")}
    assert {addons[name].urn for name in BEFORE_NODES} <= graph.needs(nodes.urn)
    assert nodes.urn in graph.needs(addons["coredns"].urn)


def test_a_kubeconfig_holds_no_secret() -> None:
    text = kubeconfig("groundwork-prod-cluster", "https://example", "LS0t", region="eu-west-1")
    (user,) = json.loads(text)["users"]
    assert list(user["user"]) == ["exec"]


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(UserError, match=r"version: '1\.20'"):
        args(version="1.20")
    with pytest.raises(UserError, match="opens the API server to everybody"):
        args(public=("0.0.0.0/0",))
    with pytest.raises(UserError, match="two architectures"):
        NodeGroupArgs(instance_types=["m7g.large", "m7i.large"], min=1, max=2)
    with pytest.raises(UserError, match=r"'m9\.huge' is not known"):
        NodeGroupArgs(instance_types=["m9.huge"], min=1, max=2)
