"""An agent on ECS means what its manifest means in a cluster."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from components.agents.ecs import EcsAgent, EcsAgentArgs
from components.agents.ecs_platform import EcsPlatform, TokenIssuer
from components.agents.ecs_task import Collector
from components.agents.fargate import MIB, SIZES, TaskSize, task_size
from components.agents.manifest import AgentManifest, dump, parse_manifest
from components.aws import Scope
from groundwork.errors import UserError
from stacks.graph import Node, ResourceGraph
from stacks.listening import listen
from tests.components.samples import DIGEST, FULL, manifest

SCOPE = Scope(environment="ecs", account="777788889999", region="eu-west-1", cost_centre="hospitality")
PLATFORM = EcsPlatform(
    cluster_arn="cluster-arn", cluster_name="cluster", namespace_arn="namespace", authority_arn="authority",
    tls_role_arn="tls-role", service_group_id="sg-services", log_group="/groundwork/ecs/services", vpc_id="vpc",
    vpc_cidr="10.40.0.0/16", s3_prefix_list="pl-s3", subnet_ids=["subnet-a", "subnet-b", "subnet-c"],
    listener_arn="listener", balancer_suffix="app/edge/1", secrets_key="key-arn", alarm_topic="topic",
    balancer_role_arn="balancer-role", architecture="ARM64",
)  # fmt: skip
ISSUER = TokenIssuer(issuer="https://id.acme.example", jwks_uri="https://id.acme.example/keys", audiences=["agents"])
SECRETS = {"model-key": "arn:model-key", "store": "arn:store"}


def made(agent: AgentManifest, *, suspended: bool = False, issuer: TokenIssuer | None = ISSUER) -> ResourceGraph:
    def program() -> None:
        args = EcsAgentArgs(
            manifest=agent,
            tenant="acme",
            scope=SCOPE,
            platform=PLATFORM,
            image=DIGEST,
            runtime_image=DIGEST,
            host="acme.ecs.example",
            secrets=SECRETS,
            issuer=issuer,
            suspended=suspended,
            collector=Collector(image=DIGEST, config="receivers: {}"),
        )
        EcsAgent("acme-concierge", args)

    return listen(program, "ecs.acme")


@pytest.fixture(scope="module")
def full() -> ResourceGraph:
    return made(parse_manifest(FULL))


def one(graph: ResourceGraph, kind: str) -> Node:
    (found,) = graph.of(kind)
    return found


def containers(graph: ResourceGraph) -> dict[str, Mapping[str, object]]:
    listed = json.loads(str(one(graph, "TaskDefinition").inputs["containerDefinitions"]))
    return {each["name"]: each for each in listed}


def variables(container: Mapping[str, object]) -> dict[str, str]:
    listed = container["environment"]
    assert isinstance(listed, list)
    return {each["name"]: each["value"] for each in listed}


def test_every_container_is_confined_and_writes_its_log(full: ResourceGraph) -> None:
    found = containers(full)
    assert set(found) == {"files", "agent", "telemetry"}
    for container in found.values():
        assert container["readonlyRootFilesystem"] is True
        assert container["privileged"] is False
        assert container["linuxParameters"] == {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}}
        assert container["image"] == DIGEST
        assert container["logConfiguration"]
    assert found["agent"]["user"] == found["telemetry"]["user"] == "65532:65532"
    assert found["agent"]["dependsOn"] == [{"containerName": "files", "condition": "SUCCESS"}]


def test_the_agent_is_given_its_manifest_and_what_it_is_called(full: ResourceGraph) -> None:
    found = containers(full)
    assert variables(found["files"])["MANIFEST"] == dump(parse_manifest(FULL))
    given = variables(found["agent"])
    assert given["GREETING"] == "hello"
    assert (given["AGENT_NAME"], given["AGENT_TENANT"], given["AGENT_ENVIRONMENT"]) == ("concierge", "acme", "ecs")
    assert found["agent"]["stopTimeout"] == 20
    # A 64th more or less: Fargate counts in 1024ths.
    assert (found["agent"]["cpu"], found["agent"]["memory"]) == (1024, 256)


def test_secrets_are_references_and_only_those_that_are_named_can_be_read(full: ResourceGraph) -> None:
    found = containers(full)
    assert found["agent"]["secrets"] == [{"name": "STORE_TOKEN", "valueFrom": "arn:store:token::"}]
    assert found["files"]["secrets"] == [{"name": "SECRET_0", "valueFrom": "arn:model-key:token::"}]
    assert json.loads(variables(found["files"])["FILES"]) == {"model-key/token": "SECRET_0"}
    (policy,) = [node for node in full.nodes if node.type == "aws:iam/policy:Policy"]
    statements = json.loads(str(policy.inputs["policy"]))["Statement"]
    (read,) = [each for each in statements if each["Sid"] == "Secrets"]
    assert sorted(read["Resource"]) == ["arn:model-key", "arn:store"]
    without = made(manifest())
    (policy,) = [node for node in without.nodes if node.type == "aws:iam/policy:Policy"]
    assert "secretsmanager" not in str(policy.inputs["policy"])


def test_the_agents_own_role_has_no_rights(full: ResourceGraph) -> None:
    attached = full.of("RolePolicyAttachment")
    assert [node.name for node in attached] == ["acme-concierge-task-start"]


def test_the_way_out_is_what_the_manifest_declares(full: ResourceGraph) -> None:
    def ways(graph: ResourceGraph) -> set[tuple[object, object]]:
        return {
            (node.inputs.get("cidrIpv4") or node.inputs.get("prefixListId"), node.inputs["fromPort"])
            for node in graph.of("SecurityGroupEgressRule")
        }

    aws: set[tuple[object, object]] = {("10.40.0.0/16", 443), ("pl-s3", 443)}
    assert ways(made(manifest())) == aws
    assert ways(made(manifest(egress=["192.0.2.7:5432"]))) == {*aws, ("192.0.2.7/32", 5432)}
    assert ways(full) == {*aws, ("0.0.0.0/0", 443)}
    assert full.of("SecurityGroupIngressRule") == []


def test_nobody_comes_in_without_a_token(full: ResourceGraph) -> None:
    rule = one(full, "ListenerRule")
    actions = rule.inputs["actions"]
    assert isinstance(actions, list)
    assert [action["type"] for action in actions] == ["jwt-validation", "forward"]
    assert actions[0]["jwtValidation"]["issuer"] == ISSUER.issuer
    closed = made(manifest(), issuer=None)
    assert closed.of("ListenerRule") == []
    assert "loadBalancers" not in one(closed, "Service").inputs


def test_the_service_rolls_back_and_speaks_tls(full: ResourceGraph) -> None:
    service = one(full, "Service").inputs
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    connect = service["serviceConnectConfiguration"]
    assert isinstance(connect, Mapping)
    (served,) = connect["services"]
    assert served["tls"]["issuerCertAuthority"] == {"awsPcaAuthorityArn": "authority"}
    assert (served["clientAlias"], served["ingressPortOverride"]) == ([{"dnsName": "concierge.acme", "port": 80}], 8443)


def test_it_grows_by_load_between_min_and_max(full: ResourceGraph) -> None:
    (scaled,) = [node for node in full.nodes if node.type == "aws:appautoscaling/target:Target"]
    assert (scaled.inputs["minCapacity"], scaled.inputs["maxCapacity"]) == (2, 4)
    assert {node.name for node in full.nodes if node.type == "aws:appautoscaling/policy:Policy"} == {
        "acme-concierge-cpu",
        "acme-concierge-requests",
    }


def test_a_suspended_agent_has_no_task_and_says_so() -> None:
    graph = made(manifest(), suspended=True)
    assert one(graph, "Service").inputs["desiredCount"] == 0
    actions = one(graph, "ListenerRule").inputs["actions"]
    assert isinstance(actions, list)
    assert actions[-1]["fixedResponse"]["statusCode"] == "403"
    assert [node for node in graph.nodes if "appautoscaling" in node.type] == []


def test_what_fargate_cannot_do_is_refused() -> None:
    with pytest.raises(UserError, match=r"spec\.drain: 300s"):
        made(manifest(drain="5m"))
    with pytest.raises(UserError, match="no Fargate task holds"):
        made(manifest(resources={"cpu": "5", "memory": "200Gi"}))
    with pytest.raises(UserError, match=r"secret 'other' has no place"):
        made(manifest(env={"A_TOKEN": {"secret": "other", "key": "k"}}))


@pytest.mark.parametrize("cpu", [1, 250, 251, 1000, 4000, 16000])
@pytest.mark.parametrize("memory", [64, 512, 3000, 8192, 30000])
def test_the_smallest_size_that_holds_it_is_taken(cpu: int, memory: int) -> None:
    size = task_size(cpu, memory * MIB)
    assert size.memory in SIZES[size.cpu]
    assert size.cpu * 1000 >= cpu * 1024
    assert size.memory >= memory
    smaller = [
        TaskSize(other, amount)
        for other, amounts in SIZES.items()
        for amount in amounts
        if TaskSize(other, amount) < size
    ]
    assert not any(each.cpu * 1000 >= cpu * 1024 and each.memory >= memory for each in smaller)
