"""What rotates a tenant's secrets can reach these alone; what its function does, step by step."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import boto3
import pytest
from moto import mock_aws
from pydantic import JsonValue

from components.agents.manifest import AgentManifest
from components.platform.specs import TenantSpec
from components.secrets import rotation_function
from components.secrets.rotation import Rotated, Rotation, RotationArgs
from components.tenancy.ecs import EcsTenant, EcsTenantArgs
from components.tenancy.tenant import TenantAgent
from groundwork.errors import UserError
from stacks.graph import Node, ResourceGraph
from stacks.listening import listen
from tests.components.samples import DIGEST, manifest
from tests.components.test_ecs_agent import PLATFORM, SCOPE, TELEMETRY

TOKEN = "11111111-2222-4333-8444-555555555555"
DESK = manifest(
    "desk", secrets={"signing": {"path": "keys/signing"}}, env={"A_TOKEN": {"secret": "signing", "key": "value"}}
)
PLAIN = manifest("plain", env={"B_TOKEN": {"secret": "other", "key": "k"}})


def made(tenant: str, *agents: AgentManifest, days: Mapping[str, int] | None = None) -> ResourceGraph:
    def program() -> None:
        args = EcsTenantArgs(
            tenant=tenant,
            scope=SCOPE,
            platform=PLATFORM,
            spec=TenantSpec(hosts=[f"{tenant}.ecs.example"]),
            agents=[TenantAgent(manifest=each, image=DIGEST) for each in agents],
            runtime_image=DIGEST,
            telemetry=TELEMETRY,
            rotation_days=days or {},
        )
        EcsTenant(tenant, args)

    return listen(program, f"ecs.{tenant}")


def statements(node: Node) -> dict[str, Mapping[str, JsonValue]]:
    return {each["Sid"]: each for each in json.loads(str(node.inputs["policy"]))["Statement"]}


def policies(graph: ResourceGraph) -> dict[str, Node]:
    return {node.name: node for node in graph.nodes if node.type == "aws:iam/policy:Policy"}


def secrets_of(graph: ResourceGraph, policy: str) -> set[str]:
    """The names of the secrets that a policy is made of; their ARNs are not known yet."""
    needed = graph.needs(policies(graph)[policy].urn)
    return {node.name for node in graph.of("Secret") if node.urn in needed}


def test_an_agent_is_started_with_its_own_secrets_of_the_tenants() -> None:
    graph = made("acme", DESK, PLAIN, days={"keys/signing": 30})
    assert {node.inputs["name"] for node in graph.of("Secret")} == {
        "groundwork/ecs/acme/keys/signing",
        "groundwork/ecs/acme/other",
    }
    assert secrets_of(graph, "acme-desk-task-start") == {"acme-keys/signing"}
    assert secrets_of(graph, "acme-plain-task-start") == {"acme-other"}
    assert secrets_of(graph, "acme-rotation") == {"acme-keys/signing"}


def test_a_service_waits_for_the_first_rotation_of_what_it_is_given() -> None:
    graph = made("acme", DESK, PLAIN, days={"keys/signing": 30})
    (schedule,) = graph.of("SecretRotation")
    (service,) = [node for node in graph.of("Service") if node.name == "acme-desk"]
    assert schedule.urn in graph.needs(service.urn)


def test_a_schedule_calls_a_function_that_only_secrets_manager_may_call_for_that_secret() -> None:
    def program() -> None:
        args = RotationArgs(
            scope=SCOPE,
            tenant="acme",
            secrets={"signing": Rotated(arn="arn:signing", days=30, services=["acme-desk"])},
            key="key-arn",
            cluster_name="cluster",
            log_group="/logs",
            alarm_topic="topic",
            architecture="ARM64",
        )
        Rotation("acme-rotation", args)

    graph = listen(program, "ecs.acme")
    (schedule,) = graph.of("SecretRotation")
    assert schedule.inputs["rotationRules"] == {"automaticallyAfterDays": 30}
    (allowed,) = graph.of("Permission")
    assert {key: allowed.inputs[key] for key in ("principal", "sourceArn", "sourceAccount")} == {
        "principal": "secretsmanager.amazonaws.com",
        "sourceArn": "arn:signing",
        "sourceAccount": SCOPE.account,
    }
    rights = statements(policies(graph)["acme-rotation"])
    assert rights["Secrets"]["Resource"] == ["arn:signing"]
    assert rights["SecretsKey"]["Resource"] == "key-arn"
    assert rights["NewTasks"]["Resource"] == [SCOPE.arn("ecs", "service/cluster/acme-desk")]
    (alarm,) = graph.of("MetricAlarm")
    assert (alarm.inputs["dimensions"], alarm.inputs["alarmActions"]) == (
        {"FunctionName": "groundwork-ecs-acme-rotation"},
        ["topic"],
    )
    (function,) = graph.of("Function")
    environment = function.inputs["environment"]
    assert isinstance(environment, Mapping)
    assert environment["variables"] == {"CLUSTER": "cluster", "SERVICES": '{"arn:signing": ["acme-desk"]}'}


def test_a_schedule_of_no_days_is_refused() -> None:
    with pytest.raises(UserError, match="rotation_days: 0"):
        Rotated(arn="arn:signing", days=0, services=[])


def test_without_a_schedule_there_is_no_function() -> None:
    assert made("acme", DESK).of("Function") == []


def test_a_schedule_for_a_secret_that_nobody_names_is_refused() -> None:
    with pytest.raises(UserError, match="no agent names the secret 'keys/signin'"):
        made("acme", DESK, days={"keys/signin": 30})


def test_users_of_a_database_are_refused() -> None:
    with pytest.raises(UserError, match=r"spec\.secrets\.db\.database"):
        made("acme", manifest(secrets={"db": {"database": "postgres"}}))


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "eu-west-1", "CLUSTER": "none",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with mock_aws():
        store = boto3.client("secretsmanager")
        arn = store.create_secret(Name="groundwork/ecs/acme/signing")["ARN"]
        monkeypatch.setenv("SERVICES", json.dumps({arn: ["acme-desk"]}))
        boto3.client("ecs").create_cluster(clusterName="none")
        yield arn


def step(name: str, arn: str, token: str = TOKEN) -> None:
    rotation_function.handler({"SecretId": arn, "ClientRequestToken": token, "Step": name}, None)


def pending(arn: str, token: str = TOKEN) -> None:
    """What Secrets Manager does before the first step."""
    boto3.client("secretsmanager").put_secret_value(
        SecretId=arn, ClientRequestToken=token, SecretString="{}", VersionStages=["AWSPENDING"]
    )


def value(arn: str, stage: str = "AWSCURRENT") -> dict[str, str]:
    found = boto3.client("secretsmanager").get_secret_value(SecretId=arn, VersionStage=stage)["SecretString"]
    fields: dict[str, str] = json.loads(found)
    return fields


def test_a_rotation_keeps_the_value_before_and_other_fields(secret: str) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString='{"value": "old", "of": "acme"}')
    pending(secret)
    for name in ("createSecret", "setSecret", "testSecret"):
        step(name, secret)
        assert value(secret)["value"] == "old"
    step("finishSecret", secret)
    found = value(secret)
    assert (found["previous"], found["of"]) == ("old", "acme")
    assert found["value"] not in {"old", ""}


def test_a_step_that_is_run_again_changes_nothing(secret: str) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString='{"value": "old"}')
    pending(secret)
    step("createSecret", secret)
    first = value(secret, "AWSPENDING")
    step("createSecret", secret)
    assert value(secret, "AWSPENDING") == first
    for name in ("testSecret", "finishSecret", "finishSecret"):
        step(name, secret)
    assert value(secret) == first


def test_a_secret_without_a_value_gets_its_first(secret: str) -> None:
    pending(secret)
    for name in ("createSecret", "testSecret"):
        step(name, secret)
    assert set(value(secret, "AWSPENDING")) == {"value"}


def test_a_version_that_is_not_rotated_to_is_refused(secret: str) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString='{"value": "old"}')
    with pytest.raises(ValueError, match="not being rotated to"):
        step("createSecret", secret)


def test_a_version_with_the_value_before_does_not_pass(secret: str) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId=secret, SecretString='{"value": "old"}')
    boto3.client("secretsmanager").put_secret_value(
        SecretId=secret,
        ClientRequestToken=TOKEN,
        SecretString='{"value": "old", "previous": "old"}',
        VersionStages=["AWSPENDING"],
    )
    with pytest.raises(ValueError, match="no new value"):
        step("testSecret", secret)
