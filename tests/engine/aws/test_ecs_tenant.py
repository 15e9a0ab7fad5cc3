"""A tenant on ECS with secrets that rotate, channels and a way in, on an emulated account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from components.agents.ecs_telemetry import Telemetry
from components.agents.manifest import AgentManifest
from components.aws import Scope
from components.platform.specs import Issuer, TenantSpec
from components.secrets import rotation_function
from components.tenancy.ecs import EcsTenant, EcsTenantArgs
from components.tenancy.tenant import TenantAgent
from local.plugin.values import Json
from tests.components.samples import DIGEST, manifest
from tests.engine.aws.bench import ACCOUNT, REGION, Bench, bench
from tests.engine.aws.programs import services

pytestmark = pytest.mark.engine

SCOPE = Scope(environment="ecs", account=ACCOUNT, region=REGION, cost_centre="tests")
CANARY, BESIDE = "canary-of-acme-5d1c", "canary-beside-77aa"
PATH = "groundwork/ecs/acme/signing/key"


def agents() -> list[AgentManifest]:
    secrets = {"signing": {"path": "signing/key"}}
    return [
        manifest("desk", secrets=secrets, channels={"publish": ["orders.created"]}),
        manifest("packer", channels={"subscribe": ["orders.created"]}),
    ]


def program() -> None:
    platform = services(SCOPE)
    issuer = Issuer(issuer="https://id.acme.example", audiences=["agents"], jwks_uri="https://id.acme.example/keys")
    args = EcsTenantArgs(
        tenant="acme",
        scope=SCOPE,
        platform=platform,
        spec=TenantSpec(hosts=["acme.ecs.example"], issuers=[issuer]),
        agents=[TenantAgent(manifest=each, image=DIGEST) for each in agents()],
        runtime_image=DIGEST,
        telemetry=Telemetry(image=DIGEST, trace_percent=5),
        rotation_days={"signing/key": 30},
    )
    EcsTenant("acme", args)
    other = replace(args, tenant="globex", spec=TenantSpec(hosts=["globex.ecs.example"]), agents=args.agents[:1])
    EcsTenant("globex", other)


@pytest.fixture(scope="module")
def aws() -> Iterator[Bench]:
    with bench() as made:
        made.stack(program).up()
        yield made


def test_a_preview_shows_no_change(aws: Bench) -> None:
    assert aws.stack(program).preview().change_summary.keys() == {"same"}


def test_the_service_has_two_groups_of_targets_of_which_one_serves(aws: Bench) -> None:
    (service,) = aws.call("ecs", "DescribeServices", cluster="services", services=["acme-desk"])["services"]
    (balancer,) = service["loadBalancers"]
    moved = balancer["advancedConfiguration"]
    (rule,) = aws.call("elbv2", "DescribeRules", RuleArns=[moved["productionListenerRule"]])["Rules"]
    weights = {row["TargetGroupArn"]: row["Weight"] for row in rule["Actions"][-1]["ForwardConfig"]["TargetGroups"]}
    assert weights == {balancer["targetGroupArn"]: 100, moved["alternateTargetGroupArn"]: 0}
    assert rule["Actions"][0]["JwtValidationConfig"]["Issuer"] == "https://id.acme.example"


def rights(aws: Bench, role: str) -> dict[str, Json]:
    """The statements of a role's policies, by their ids."""
    found: dict[str, Json] = {}
    for row in aws.call("iam", "ListAttachedRolePolicies", RoleName=role)["AttachedPolicies"]:
        known = aws.call("iam", "GetPolicyVersion", PolicyArn=row["PolicyArn"], VersionId="v1")["PolicyVersion"]
        document = known["Document"] if isinstance(known["Document"], dict) else json.loads(known["Document"])
        found |= {each["Sid"]: each for each in document["Statement"]}
    return found


@pytest.mark.parametrize("part", ["desk-start", "rotation"])
def test_no_role_of_a_tenant_reads_another_ones_secrets(aws: Bench, part: str) -> None:
    arns = {
        tenant: aws.call("secretsmanager", "DescribeSecret", SecretId=PATH.replace("acme", tenant))["ARN"]
        for tenant in ("acme", "globex")
    }
    for tenant, arn in arns.items():
        found = rights(aws, f"groundwork-ecs-{tenant}-{part}")
        readers = [each for each in found.values() if "secretsmanager:GetSecretValue" in str(each["Action"])]
        assert [each["Resource"] for each in readers] == [[arn]]
        assert found["SecretsKey"]["Resource"] == SCOPE.arn("kms", "key/one")


def test_agents_have_their_channels_queues_and_no_others(aws: Bench) -> None:
    url = aws.call("sqs", "GetQueueUrl", QueueName="groundwork-ecs-acme-packer")["QueueUrl"]
    asked = {"QueueUrl": url, "AttributeNames": ["QueueArn", "RedrivePolicy"]}
    queue = aws.call("sqs", "GetQueueAttributes", **asked)["Attributes"]
    assert json.loads(queue["RedrivePolicy"])["deadLetterTargetArn"].endswith("groundwork-ecs-acme-packer-aside")
    assert rights(aws, "groundwork-ecs-acme-packer-agent")["Take"]["Resource"] == queue["QueueArn"]
    assert rights(aws, "groundwork-ecs-acme-desk-agent")["Publish"]["Resource"] == [queue["QueueArn"]]
    assert rights(aws, "groundwork-ecs-globex-desk-agent").keys() == {"Figures", "Spans"}
    given = {agent: environment(aws, f"groundwork-ecs-acme-{agent}")["AGENT_CHANNELS"] for agent in ("desk", "packer")}
    assert json.loads(given["desk"]) == {"publish": {"orders.created": [url]}}
    assert json.loads(given["packer"]) == {"subscribe": url, "publish": {}}


@pytest.mark.parametrize("tenant", ["acme", "globex"])
def test_an_agent_writes_into_its_own_stream_alone(aws: Bench, tenant: str) -> None:
    allowed = rights(aws, f"groundwork-ecs-{tenant}-desk-agent")["Figures"]["Resource"]
    assert allowed == SCOPE.arn("logs", f"log-group:/groundwork/ecs/metrics:log-stream:{tenant}/desk")


def environment(aws: Bench, family: str) -> dict[str, str]:
    known = aws.call("ecs", "DescribeTaskDefinition", taskDefinition=family)["taskDefinition"]
    (agent,) = [each for each in known["containerDefinitions"] if each["name"] == "agent"]
    return {each["name"]: each["value"] for each in agent["environment"]}


def test_what_ecs_has_moved_stays_moved(aws: Bench) -> None:
    """A deployment has moved all requests to the other group: an `up` that reads everything again leaves them there."""
    (service,) = aws.call("ecs", "DescribeServices", cluster="services", services=["acme-desk"])["services"]
    (balancer,) = service["loadBalancers"]
    moved = balancer["advancedConfiguration"]
    arn = moved["productionListenerRule"]
    (rule,) = aws.call("elbv2", "DescribeRules", RuleArns=[arn])["Rules"]
    for row in rule["Actions"][-1]["ForwardConfig"]["TargetGroups"]:
        row["Weight"] = 100 - row["Weight"]
    aws.call("elbv2", "ModifyRule", RuleArn=arn, Actions=rule["Actions"])
    aws.stack(program).up(refresh=True)
    (after,) = aws.call("elbv2", "DescribeRules", RuleArns=[arn])["Rules"]
    weights = {row["TargetGroupArn"]: row["Weight"] for row in after["Actions"][-1]["ForwardConfig"]["TargetGroups"]}
    assert weights == {balancer["targetGroupArn"]: 0, moved["alternateTargetGroupArn"]: 100}


def test_a_secret_is_rotated_its_users_get_new_tasks_and_no_value_comes_into_the_state(
    aws: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function runs here as Lambda would run it: with the variables that it has in the account."""
    aws.call(
        "secretsmanager", "PutSecretValue", SecretId=PATH, SecretString=json.dumps({"value": CANARY, "of": BESIDE})
    )
    made = aws.call("lambda", "GetFunction", FunctionName="groundwork-ecs-acme-rotation")["Configuration"]
    for name, value in made["Environment"]["Variables"].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    arn = aws.call("secretsmanager", "DescribeSecret", SecretId=PATH)["ARN"]
    assert json.loads(made["Environment"]["Variables"]["SERVICES"]) == {arn: ["acme-desk"]}
    token = "11111111-2222-4333-8444-555555555555"
    aws.call(
        "secretsmanager",
        "PutSecretValue",
        SecretId=arn,
        ClientRequestToken=token,
        SecretString="{}",
        VersionStages=["AWSPENDING"],
    )
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        rotation_function.handler({"SecretId": arn, "ClientRequestToken": token, "Step": step}, None)
    asked = {"SecretId": PATH, "VersionStage": "AWSCURRENT"}
    found = json.loads(aws.call("secretsmanager", "GetSecretValue", **asked)["SecretString"])
    assert (found["previous"], found["of"]) == (CANARY, BESIDE)
    assert len(found["value"]) > 40
    stack = aws.stack(program)
    stack.up(refresh=True)
    state = json.dumps(stack.export_stack().deployment)
    assert "acme-rotation" in state
    for hidden in (CANARY, BESIDE, found["value"]):
        assert hidden not in state
        assert hidden not in stack.preview().stdout
