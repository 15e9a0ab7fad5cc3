"""Tenants' users of the database on ECS: made on an emulated account, by its function, in a PostgreSQL that runs."""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from pg8000.exceptions import DatabaseError
from pg8000.native import Connection

from components.agents.ecs_platform import EcsDatabase
from components.agents.ecs_telemetry import Telemetry
from components.agents.manifest import AgentManifest
from components.aws import Scope
from components.data import users_function
from components.data.users import DatabaseUsers, DatabaseUsersArgs
from components.platform.specs import TenantSpec
from components.tenancy.ecs import EcsTenant, EcsTenantArgs
from components.tenancy.tenant import TenantAgent
from tests import postgres_server
from tests.components.samples import DIGEST, manifest
from tests.engine.aws.bench import ACCOUNT, REGION, Bench, bench
from tests.engine.aws.programs import services
from tests.postgres_server import MASTER, Server

pytestmark = pytest.mark.engine

SCOPE = Scope(environment="ecs", account=ACCOUNT, region=REGION, cost_centre="tests")
FUNCTION, MASTERS = "groundwork-ecs-database-users", "of-the-master"
TENANTS = ("acme", "globex")
Fields = dict[str, str]


def agents() -> list[AgentManifest]:
    return [manifest("desk", secrets={"db": {"database": "postgres"}}), manifest("plain")]


def program() -> None:
    from pulumi_aws import ec2, secretsmanager

    platform = services(SCOPE)
    group = ec2.SecurityGroup("postgres", name="postgres", description="postgres", vpc_id=platform.vpc_id)
    master = secretsmanager.Secret("master", name=MASTERS)
    args = DatabaseUsersArgs(
        scope=SCOPE, vpc_id=platform.vpc_id, vpc_cidr="10.0.0.0/16", subnet_ids=platform.subnet_ids,
        address=postgres_server.HOST, group_id=group.id, secret_arn=master.arn, key=platform.secrets_key,
        cluster_name=platform.cluster_name, log_group=platform.log_group,
        alarm_topic=platform.alarm_topic, architecture="ARM64",
    )  # fmt: skip
    users = DatabaseUsers("database-users", args)
    platform = replace(platform, database=EcsDatabase(function_arn=users.arn, group_id=group.id))
    for tenant in TENANTS:
        given = EcsTenantArgs(
            tenant=tenant,
            scope=SCOPE,
            platform=platform,
            spec=TenantSpec(hosts=[f"{tenant}.ecs.example"]),
            agents=[TenantAgent(manifest=each, image=DIGEST) for each in agents()],
            runtime_image=DIGEST,
            telemetry=Telemetry(image=DIGEST, trace_percent=5),
        )
        EcsTenant(tenant, given)


@pytest.fixture(scope="module")
def aws() -> Iterator[Bench]:
    with bench() as made:
        made.stack(program).up()
        yield made


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server.serving() as made:
        yield made


@pytest.fixture
def function(aws: Bench, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lambda gives it: the account's own variables, but for the port and the authority of the server here."""
    known = aws.call("lambda", "GetFunction", FunctionName=FUNCTION)["Configuration"]
    given = known["Environment"]["Variables"] | {"PORT": str(server.port), "AUTHORITY": str(server.authority)}
    for name, value in (given | {"AWS_DEFAULT_REGION": REGION}).items():
        monkeypatch.setenv(name, value)
    held = json.dumps({"username": MASTER, "password": server.password})
    aws.call("secretsmanager", "PutSecretValue", SecretId=MASTERS, SecretString=held)


def name_of(tenant: str) -> str:
    return f"groundwork/ecs/{tenant}/database/postgres"


def rotate(aws: Bench, tenant: str) -> Fields:
    """As Secrets Manager does it; each step twice, as it may. What the tenant's tasks are given from then on."""
    known = aws.call("secretsmanager", "DescribeSecret", SecretId=name_of(tenant))
    token, arn = str(uuid.uuid4()), known["ARN"]
    if not any("AWSCURRENT" in stages for stages in known.get("VersionIdsToStages", {}).values()):
        # AWS itself makes the first version of a secret the current one (API reference of PutSecretValue).
        aws.call("secretsmanager", "PutSecretValue", SecretId=arn, SecretString="{}")
    pending = {"SecretId": arn, "ClientRequestToken": token, "SecretString": "{}", "VersionStages": ["AWSPENDING"]}
    aws.call("secretsmanager", "PutSecretValue", **pending)
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        for _ in range(2):
            users_function.handler({"SecretId": arn, "ClientRequestToken": token, "Step": step}, None)
    held = aws.call("secretsmanager", "GetSecretValue", SecretId=arn, VersionStage="AWSCURRENT")["SecretString"]
    fields: Fields = json.loads(held)
    return fields


def connected(user: Fields) -> Connection:
    """As an agent connects, by the files that it is given."""
    return Connection(
        user["username"],
        password=user["password"],
        host=user["host"],
        port=int(user["port"]),
        database=user["database"],
        ssl_context=ssl.create_default_context(cadata=user["ca.crt"]),
    )


def asked(user: Fields, statement: str) -> list[list[object]]:
    with closing(connected(user)) as agent:
        rows: list[list[object]] = agent.run(statement) or []
        return rows


def deployments(aws: Bench) -> dict[str, str]:
    found: dict[str, str] = {}
    for tenant in TENANTS:
        names = [f"{tenant}-{agent.name}" for agent in agents()]
        rows = aws.call("ecs", "DescribeServices", cluster="services", services=names)["services"]
        found |= {row["serviceName"]: row["deployments"][0]["id"] for row in rows}
    return found


def test_a_preview_shows_no_change(aws: Bench) -> None:
    assert aws.stack(program).preview().change_summary.keys() == {"same"}


def test_the_function_is_in_the_network_and_runs_what_is_packed_here(aws: Bench) -> None:
    known = aws.call("lambda", "GetFunction", FunctionName=FUNCTION)["Configuration"]
    assert len(known["VpcConfig"]["SubnetIds"]) == 2
    (group,) = known["VpcConfig"]["SecurityGroupIds"]
    asked_for = [{"Name": "group-id", "Values": [group]}]
    rules = aws.call("ec2", "DescribeSecurityGroupRules", Filters=asked_for)["SecurityGroupRules"]
    assert {(row["IsEgress"], row["FromPort"]) for row in rules} == {(True, 443), (True, 5432)}


@pytest.mark.usefixtures("function")
def test_a_user_gives_way_to_the_other_and_tasks_that_run_go_on(aws: Bench, server: Server) -> None:
    before = deployments(aws)
    first = rotate(aws, "acme")
    after = deployments(aws)
    assert {name for name, each in after.items() if each != before[name]} == {"acme-desk"}
    assert asked(first, "SELECT current_user, current_schema()") == [["tenant_acme", "tenant_acme"]]
    asked(first, "CREATE TABLE notes AS SELECT 1 AS n")
    second = rotate(aws, "acme")
    assert {first["username"], second["username"]} == {"tenant_acme_a", "tenant_acme_b"}
    for user in (first, second):
        assert asked(user, "SELECT n FROM notes") == [[1]]
    third = rotate(aws, "acme")
    assert third["username"] == first["username"]
    assert asked(third, "SELECT n FROM notes") == [[1]]
    with pytest.raises(DatabaseError, match="password authentication failed"):
        asked(first, "SELECT 1")
    for password in (first["password"], second["password"], third["password"]):
        assert password not in server.log.read_text("utf-8")
    assert "ALTER ROLE tenant_acme_a PASSWORD 'SCRAM-SHA-256$" in server.log.read_text("utf-8").replace('"', "")


@pytest.mark.usefixtures("function")
def test_no_tenant_reads_anothers_tables_or_makes_roles(aws: Bench) -> None:
    acme, globex = rotate(aws, "acme"), rotate(aws, "globex")
    asked(acme, "CREATE TABLE secrets AS SELECT 1 AS n")
    for statement in (
        "SELECT * FROM tenant_acme.secrets",
        "CREATE TABLE tenant_acme.mine (n int)",
        "CREATE TABLE public.mine (n int)",
        "CREATE TEMP TABLE mine (n int)",
        "SET ROLE tenant_acme",
        "CREATE ROLE another LOGIN",
        "CREATE SCHEMA another",
    ):
        with pytest.raises(DatabaseError, match="permission denied"):
            asked(globex, statement)


@pytest.mark.usefixtures("function")
def test_a_server_that_does_not_prove_its_name_is_given_no_password(
    aws: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST", "127.0.0.1")
    with pytest.raises(ssl.SSLCertVerificationError):
        rotate(aws, "globex")


@pytest.mark.usefixtures("function")
def test_a_tenant_is_forgotten_once_its_secret_is_deleted_and_not_before(aws: Bench, server: Server) -> None:
    acme, globex = rotate(aws, "acme"), rotate(aws, "globex")
    asked(acme, "CREATE TABLE kept AS SELECT 1 AS n")
    with pytest.raises(ValueError, match="still there: destroy the tenant's stack first"):
        users_function.handler({"forget": "acme"}, None)
    assert asked(acme, "SELECT n FROM kept") == [[1]]
    with pytest.raises(ValueError, match="holds no user"):
        users_function.handler({"forget": 'acme"; DROP ROLE x; --'}, None)
    aws.call("secretsmanager", "DeleteSecret", SecretId=name_of("acme"), RecoveryWindowInDays=7)
    try:
        with closing(connected(acme)):
            for _ in range(2):
                users_function.handler({"forget": "acme"}, None)
    finally:
        aws.call("secretsmanager", "RestoreSecret", SecretId=name_of("acme"))
    assert server.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE '%acme%'") == ""
    assert server.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE '%acme%'") == ""
    assert asked(globex, "SELECT current_user") == [["tenant_globex"]]


@pytest.mark.usefixtures("function")
def test_a_secret_that_holds_no_user_is_not_rotated(aws: Bench) -> None:
    token = str(uuid.uuid4())
    pending = {"SecretId": MASTERS, "ClientRequestToken": token, "SecretString": "{}", "VersionStages": ["AWSPENDING"]}
    aws.call("secretsmanager", "PutSecretValue", **pending)
    with pytest.raises(ValueError, match="holds no user"):
        users_function.handler({"SecretId": MASTERS, "ClientRequestToken": token, "Step": "createSecret"}, None)
