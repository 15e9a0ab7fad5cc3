"""Who makes users of RDS on ECS reaches the database and AWS alone; who is given one has the way there."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import boto3
import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from components.agents.ecs import EcsAgent, EcsAgentArgs
from components.agents.ecs_platform import EcsDatabase
from components.agents.manifest import AgentManifest
from components.data.tenant_users import database_owner
from components.data.users import DatabaseUsers, DatabaseUsersArgs, archive
from components.data.users_function import verifier
from components.platform.specs import TenantSpec
from components.tenancy.ecs import EcsTenant, EcsTenantArgs
from components.tenancy.tenant import TenantAgent
from groundwork.errors import UserError
from stacks.graph import Node, ResourceGraph
from stacks.listening import listen
from tests.components.samples import DIGEST, manifest
from tests.components.test_ecs_agent import PLATFORM, SCOPE, TELEMETRY, containers, variables
from tests.components.test_rotation import secrets_of, statements

DATABASE = EcsDatabase(function_arn="arn:function", group_id="sg-postgres")
DESK = manifest("desk", secrets={"db": {"database": "postgres"}, "again": {"database": "postgres"}})
PLAIN = manifest("plain", secrets={"signing": {"path": "signing"}})
# What boto3, which Lambda has, is made of, and what that takes up where it is installed, as it is here.
BESIDE = {
    "boto3", "botocore", "s3transfer", "jmespath", "urllib3", "certifi", "OpenSSL", "cryptography",
    "typing_extensions.py", "brotli.py", "_brotli", "_cffi_backend",
}  # fmt: skip


@pytest.fixture(scope="module")
def users() -> ResourceGraph:
    def program() -> None:
        args = DatabaseUsersArgs(
            scope=SCOPE, vpc_id="vpc", vpc_cidr="10.40.0.0/16", subnet_ids=["subnet-a", "subnet-b"],
            address="db.example", group_id="sg-postgres", secret_arn="arn:master", key="key-arn",
            cluster_name="cluster", log_group="/logs", alarm_topic="topic", architecture="ARM64",
        )  # fmt: skip
        DatabaseUsers("database-users", args)

    return listen(program, "ecs")


def tenant(
    *agents: AgentManifest, database: EcsDatabase | None = DATABASE, days: Mapping[str, int] | None = None
) -> ResourceGraph:
    def program() -> None:
        args = EcsTenantArgs(
            tenant="acme",
            scope=SCOPE,
            platform=replace(PLATFORM, database=database),
            spec=TenantSpec(hosts=["acme.ecs.example"]),
            agents=[TenantAgent(manifest=each, image=DIGEST) for each in agents],
            runtime_image=DIGEST,
            telemetry=TELEMETRY,
            rotation_days=days or {},
        )
        EcsTenant("acme", args)

    return listen(program, "ecs.acme")


def named(graph: ResourceGraph, kind: str, name: str) -> Node:
    (found,) = [node for node in graph.of(kind) if node.name == name]
    return found


def rights(graph: ResourceGraph) -> dict[str, Mapping[str, JsonValue]]:
    return statements(named(graph, "Policy", "database-users"))


def test_the_function_may_use_secrets_that_hold_users_the_masters_and_no_other(users: ResourceGraph) -> None:
    theirs = SCOPE.arn("secretsmanager", "secret:groundwork/ecs/*/database/postgres-??????")
    found = rights(users)
    allowed = {sid: each["Resource"] for sid, each in found.items() if "secretsmanager:" in str(each["Action"])}
    assert allowed == {"Secrets": theirs, "Master": "arn:master"}
    assert found["Master"]["Action"] == "secretsmanager:GetSecretValue"
    (may_call,) = users.of("Permission")
    assert {key: may_call.inputs[key] for key in ("principal", "sourceArn", "sourceAccount")} == {
        "principal": "secretsmanager.amazonaws.com",
        "sourceArn": theirs,
        "sourceAccount": SCOPE.account,
    }


def test_the_function_renews_services_that_are_given_a_user_and_no_others(users: ResourceGraph) -> None:
    found = rights(users)
    assert found["NewTasks"]["Condition"] == {"StringEquals": {"aws:ResourceTag/groundwork:database": "postgres"}}
    assert found["Services"]["Condition"] == {"ArnEquals": {"ecs:cluster": SCOPE.arn("ecs", "cluster/cluster")}}


def test_the_function_itself_makes_no_interface(users: ResourceGraph) -> None:
    denied = rights(users)["NoInterfaces"]
    function = SCOPE.arn("lambda", "function:groundwork-ecs-database-users")
    assert (denied["Effect"], denied["Condition"]) == (
        "Deny",
        {"ArnEquals": {"lambda:SourceFunctionArn": function}},
    )


def test_the_function_reaches_the_database_and_endpoints_and_nobody_reaches_it(users: ResourceGraph) -> None:
    ways = {
        (node.inputs["fromPort"], node.inputs.get("cidrIpv4"), node.inputs.get("referencedSecurityGroupId"))
        for node in users.of("SecurityGroupEgressRule")
    }
    assert ways == {(443, "10.40.0.0/16", None), (5432, None, "sg-postgres")}
    (into,) = users.of("SecurityGroupIngressRule")
    assert (into.inputs["securityGroupId"], into.inputs["fromPort"]) == ("sg-postgres", 5432)


def test_a_rotation_that_fails_is_heard_of(users: ResourceGraph) -> None:
    (alarm,) = users.of("MetricAlarm")
    assert alarm.inputs["dimensions"] == {"FunctionName": "groundwork-ecs-database-users"}
    assert (alarm.inputs["metricName"], alarm.inputs["threshold"], alarm.inputs["alarmActions"]) == (
        "Errors",
        0,
        ["topic"],
    )


def test_a_tenant_has_one_user_for_all_its_agents_that_want_one() -> None:
    graph = tenant(DESK, PLAIN)
    assert {node.inputs["name"] for node in graph.of("Secret")} == {
        "groundwork/ecs/acme/database/postgres",
        "groundwork/ecs/acme/signing",
    }
    (schedule,) = graph.of("SecretRotation")
    assert schedule.inputs["rotationLambdaArn"] == "arn:function"
    assert schedule.inputs["rotationRules"] == {"automaticallyAfterDays": 30}
    assert schedule.urn in graph.needs(named(graph, "Service", "acme-desk").urn)
    assert secrets_of(graph, "acme-desk-task-start") == {"acme-database/postgres"}
    assert secrets_of(graph, "acme-plain-task-start") == {"acme-signing"}
    assert graph.of("Function") == []


def test_only_who_is_given_a_user_has_the_way_to_the_database_and_the_tag() -> None:
    graph = tenant(DESK, PLAIN)
    ways = [node for node in graph.of("SecurityGroupEgressRule") if node.inputs["fromPort"] == 5432]
    assert [(node.name, node.inputs["referencedSecurityGroupId"]) for node in ways] == [
        ("acme-desk-database", "sg-postgres")
    ]
    tags = {name: named(graph, "Service", f"acme-{name}").inputs["tags"] for name in ("desk", "plain")}
    assert isinstance(tags["desk"], Mapping)
    assert isinstance(tags["plain"], Mapping)
    assert tags["desk"]["groundwork:database"] == "postgres"
    assert "groundwork:database" not in tags["plain"]


def test_a_user_comes_as_files_below_each_name_that_the_manifest_has() -> None:
    def program() -> None:
        args = EcsAgentArgs(
            manifest=DESK,
            tenant="acme",
            scope=SCOPE,
            platform=replace(PLATFORM, database=DATABASE),
            image=DIGEST,
            runtime_image=DIGEST,
            hosts=["acme.ecs.example"],
            secrets={"database/postgres": "arn:user"},
            telemetry=TELEMETRY,
        )
        EcsAgent("acme-desk", args)

    (writer, *_) = containers(listen(program, "ecs.acme")).values()
    assert json.loads(variables(writer)["FOLDERS"]) == {"again": "FOLDER_0", "db": "FOLDER_1"}
    assert writer["secrets"] == [{"name": f"FOLDER_{index}", "valueFrom": "arn:user"} for index in range(2)]


def test_a_tenants_own_days_hold_for_its_users_too_beside_other_secrets() -> None:
    graph = tenant(DESK, PLAIN, days={"database/postgres": 7, "signing": 60})
    days = {node.name: node.inputs["rotationRules"] for node in graph.of("SecretRotation")}
    assert days == {
        "acme-database/postgres": {"automaticallyAfterDays": 7},
        "acme-rotation-signing": {"automaticallyAfterDays": 60},
    }


def test_where_no_users_are_made_a_manifest_that_wants_one_is_refused() -> None:
    with pytest.raises(UserError, match=r"spec\.secrets\.again\.database") as error:
        tenant(DESK, database=None)
    assert error.value.fix is not None
    assert "postgres: rds" in error.value.fix


def test_a_region_whose_root_is_not_known_is_refused() -> None:
    with pytest.raises(UserError, match="no root of RDS is known for mars-north-1"):
        archive("mars-north-1")


def unpacked(folder: Path) -> Path:
    found: object = archive("eu-west-1").assets
    assert isinstance(found, Mapping)
    for name, asset in found.items():
        file = folder / str(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = asset.text if isinstance(asset, pulumi.StringAsset) else Path(asset.path).read_text("utf-8")
        file.write_text(text, "utf-8")
    return folder


def isolated(code: str, *arguments: str | Path) -> Sequence[str]:
    command = [sys.executable, "-I", "-S", "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_the_driver_runs_on_what_is_packed_and_nothing_else(tmp_path: Path) -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import pg8000.native; print(pg8000.native.__file__)"
    assert isolated(code, unpacked(tmp_path)) == [str(tmp_path / "pg8000/native.py")]


def test_the_function_runs_on_what_is_packed_and_lambdas_own_boto3(tmp_path: Path) -> None:
    code = """
import pathlib, sys
folder, site = sys.argv[1:]
sys.path[:0] = [folder]
sys.path.append(site)
from components.data import users_function
assert users_function._authority().read_text().startswith("-----BEGIN CERTIFICATE"), "no authority"
files = [getattr(module, "__file__", None) or "" for module in sys.modules.values()]
parts = {pathlib.Path(file).relative_to(site).parts[0] for file in files if file.startswith(site + "/")}
print(*{part.partition(".cpython-")[0] for part in parts})
"""
    site = Path(boto3.__file__).parents[1]
    assert set(isolated(code, unpacked(tmp_path), site)) <= BESIDE


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60))
def test_what_postgresql_keeps_proves_the_password_and_no_other(password: str) -> None:
    """By RFC 5802: the client's key, made anew of the password, has the stored key as its hash."""
    kind, rounds, salt, keys = verifier(password).replace(":", "$").split("$", 3)
    stored, server = (base64.b64decode(each) for each in keys.split("$"))
    assert kind == "SCRAM-SHA-256"

    def keys_of(tried: str) -> tuple[bytes, bytes]:
        salted = hashlib.pbkdf2_hmac("sha256", tried.encode(), base64.b64decode(salt), int(rounds))
        client = hmac.new(salted, b"Client Key", "sha256").digest()
        return hashlib.sha256(client).digest(), hmac.new(salted, b"Server Key", "sha256").digest()

    assert keys_of(password) == (stored, server)
    assert keys_of(password + "x") != (stored, server)


def test_the_owner_is_the_one_that_a_cluster_makes() -> None:
    assert database_owner("acme-two") == "tenant_acme_two"
