"""An agent on ECS means what its manifest means in a cluster."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from components.agents.ecs import EcsAgent, EcsAgentArgs
from components.agents.ecs_platform import EcsPlatform, TokenIssuer
from components.agents.ecs_task import FOLDER, WRITE_FILES
from components.agents.ecs_telemetry import FIGURES, Telemetry
from components.agents.fargate import MIB, SIZES, TaskSize, task_size
from components.agents.manifest import AgentManifest, dump, parse_manifest
from components.aws import Scope
from components.workload import USER
from groundwork.errors import UserError
from local.paths import CHECKOUT
from local.plugin.values import Json
from stacks.graph import Node, ResourceGraph
from stacks.listening import listen
from tests.components.samples import DIGEST, FULL, manifest

SCOPE = Scope(environment="ecs", account="777788889999", region="eu-west-1", cost_centre="hospitality")
PLATFORM = EcsPlatform(
    cluster_arn="cluster-arn", cluster_name="cluster", namespace_arn="namespace", authority_arn="authority",
    tls_role_arn="tls-role", service_group_id="sg-services", log_group="/groundwork/ecs/services",
    metrics_group="/groundwork/ecs/metrics", vpc_id="vpc", vpc_cidr="10.40.0.0/16",
    s3_prefix_list="pl-s3", subnet_ids=["subnet-a", "subnet-b", "subnet-c"],
    listener_arn="listener", balancer_suffix="app/edge/1", secrets_key="key-arn", alarm_topic="topic",
    balancer_role_arn="balancer-role", architecture="ARM64",
)  # fmt: skip
ISSUER = TokenIssuer(issuer="https://id.acme.example", jwks_uri="https://id.acme.example/keys", audiences=["agents"])
TELEMETRY = Telemetry(image=DIGEST, trace_percent=5)
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
            hosts=["acme.ecs.example"],
            secrets=SECRETS,
            issuer=issuer,
            suspended=suspended,
            telemetry=TELEMETRY,
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


def rights(graph: ResourceGraph, policy: str) -> dict[str, Json]:
    """The statements of a policy of this name, by their ids."""
    (found,) = [node for node in graph.nodes if node.type == "aws:iam/policy:Policy" and node.name == policy]
    return {each["Sid"]: each for each in json.loads(str(found.inputs["policy"]))["Statement"]}


def test_every_container_is_confined_and_writes_its_log(full: ResourceGraph) -> None:
    found = containers(full)
    assert set(found) == {"files", "agent", "telemetry"}
    for container in found.values():
        assert container["readonlyRootFilesystem"] is True
        assert container["privileged"] is False
        assert container["linuxParameters"] == {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}}
        assert container["image"] == DIGEST
        assert container["logConfiguration"]
    assert {container["user"] for container in found.values()} == {"65532:65532"}
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
    assert sorted(rights(full, "acme-concierge-task-start")["Secrets"]["Resource"]) == ["arn:model-key", "arn:store"]
    assert not {"Secrets", "SecretsKey"} & rights(made(manifest()), "acme-concierge-task-start").keys()


def test_the_agents_own_role_may_tell_of_itself_and_no_more(full: ResourceGraph) -> None:
    (attached,) = [node for node in full.of("RolePolicyAttachment") if node.name != "acme-concierge-task-start"]
    assert attached.inputs["role"] == "groundwork-ecs-acme-concierge-agent"
    allowed = rights(full, attached.name)
    stream = "arn:aws:logs:eu-west-1:777788889999:log-group:/groundwork/ecs/metrics:log-stream:acme/concierge"
    assert {sid: (each["Action"], each["Resource"]) for sid, each in allowed.items()} == {
        "Figures": (["logs:CreateLogStream", "logs:PutLogEvents"], stream),
        "Spans": ("xray:PutTraceSegments", "*"),
    }


def test_the_agent_and_its_collector_meet(full: ResourceGraph) -> None:
    """That its configuration is one, and what arrives, is seen in tests/engine/aws/test_ecs_telemetry.py."""
    found = containers(full)
    collector, agent = found["telemetry"], variables(found["agent"])
    config = json.loads(variables(collector)["COLLECTOR_CONFIG"])
    address = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert agent["OTEL_EXPORTER_OTLP_ENDPOINT"] == f"http://{address}"
    assert (agent["OTEL_TRACES_SAMPLER"], agent["OTEL_TRACES_SAMPLER_ARG"]) == ("traceidratio", "0.05")
    (scraped,) = config["receivers"]["prometheus"]["config"]["scrape_configs"]
    ports = found["agent"]["portMappings"]
    assert isinstance(ports, list)
    assert scraped["static_configs"][0]["targets"] == [f"127.0.0.1:{ports[1]['containerPort']}"]
    assert (collector["essential"], collector["restartPolicy"]) == (False, {"enabled": True})
    assert config["processors"]["memory_limiter"]["limit_mib"] < collector["memory"]


def test_somebody_is_told_of_an_agent_that_nothing_is_heard_of(full: ResourceGraph) -> None:
    (alarm,) = [node for node in full.of("MetricAlarm") if node.name.endswith("-silent")]
    assert alarm.inputs["treatMissingData"] == "breaching"
    assert alarm.inputs["dimensions"] == {"tenant": "acme", "agent": "concierge"}
    assert alarm.inputs["metricName"] in FIGURES[None]
    assert alarm.inputs["alarmActions"] == ["topic"]
    suspended = made(manifest(), suspended=True)
    assert not [node for node in suspended.of("MetricAlarm") if node.name.endswith("-silent")]


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


def test_a_whole_secret_comes_as_a_folder_of_files() -> None:
    graph = made(
        manifest(
            secrets={"keys": {"path": "store"}},
            model={"provider": "openai", "name": "m", "baseUrl": "https://m.example/v1",
                   "apiKeyFrom": {"secret": "keys", "key": "token"}},
            egress=["m.example:443"],
            env={"A_TOKEN": {"secret": "keys", "key": "token"}},
        )
    )  # fmt: skip
    found = containers(graph)
    assert found["agent"]["secrets"] == [{"name": "A_TOKEN", "valueFrom": "arn:store:token::"}]
    assert found["files"]["secrets"] == [{"name": "FOLDER_0", "valueFrom": "arn:store"}]
    assert json.loads(variables(found["files"])["FOLDERS"]) == {"keys": "FOLDER_0"}
    assert json.loads(variables(found["files"])["FILES"]) == {}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [('{"value": "a", "ca.crt": "b"}', {"value": "a", "ca.crt": "b"}), ('{"../up": "a"}', None), ('{"n": 1}', None)],
)
def test_the_writer_writes_each_field_and_nothing_outside(
    tmp_path: Path, text: str, wanted: dict[str, str] | None
) -> None:
    """The program itself, with another folder."""
    given = {
        "FOLDER": str(tmp_path),
        "MANIFEST": "m",
        "FILES": "{}",
        "FOLDERS": '{"keys": "FOLDER_0"}',
        "FOLDER_0": text,
    }
    done = subprocess.run([sys.executable, "-c", WRITE_FILES], env=given, capture_output=True, text=True, check=False)
    folder = tmp_path / "secrets" / "keys"
    assert (done.returncode == 0) == (wanted is not None)
    if wanted is None:
        assert not (tmp_path / "secrets" / "up").exists()
        assert text not in done.stderr
    else:
        assert {file.name: file.read_text() for file in folder.iterdir()} == wanted
        assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.rglob("*") if file.is_file()} == {0o600}


def test_shared_folders_are_the_agents_users_by_the_image_that_mounts_them_first() -> None:
    """Fargate gives a volume to root, but where the image declares it at just the path where it is mounted."""
    graph = made(manifest())
    listed = containers(graph)["files"]["mountPoints"]
    assert isinstance(listed, list)
    lines = (CHECKOUT / "images/agent-runtime/Dockerfile").read_text().splitlines()
    (declared,) = [json.loads(line.removeprefix("VOLUME ")) for line in lines if line.startswith("VOLUME ")]
    assert [mount["containerPath"] for mount in listed] == declared
    # A later step would be lost: what a build writes into a volume after it was declared is thrown away.
    after = lines[[line.startswith("VOLUME ") for line in lines].index(True) + 1 :]
    assert not [line for line in after if line.startswith(("RUN", "COPY", "ADD"))]
    assert f"-o {USER} -g {USER} -m 0755 {FOLDER}" in "\n".join(lines)


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
    (requests,) = [node for node in full.nodes if node.name == "acme-concierge-requests"]
    tracked = requests.inputs["targetTrackingScalingPolicyConfiguration"]
    assert isinstance(tracked, Mapping)
    rows = tracked["customizedMetricSpecification"]["metrics"]
    assert [row.get("expression") for row in rows] == [None, None, "FILL(m1, 0) + FILL(m2, 0)"]


def test_a_new_version_takes_all_requests_at_once_and_goes_back_by_its_errors(full: ResourceGraph) -> None:
    service = one(full, "Service").inputs
    assert service["deploymentConfiguration"] == {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "5"}
    blue, green = sorted(full.of("TargetGroup"), key=lambda node: node.name)
    assert (blue.name, green.name) == ("acme-concierge", "acme-concierge-green")
    assert blue.inputs["name"] != green.inputs["name"]
    balancers = service["loadBalancers"]
    assert isinstance(balancers, list)
    assert balancers[0]["advancedConfiguration"]["roleArn"] == "balancer-role"
    assert service["alarms"] == {
        "enable": True,
        "rollback": True,
        "alarmNames": [f"groundwork-ecs-acme-concierge-errors-{part}" for part in ("blue", "green")],
    }
    rule = one(full, "ListenerRule").inputs["actions"]
    assert isinstance(rule, list)
    assert [row["weight"] for row in rule[-1]["forward"]["targetGroups"]] == [100, 0]


def test_an_agent_that_nobody_reaches_from_outside_rolls() -> None:
    service = one(made(manifest(), issuer=None), "Service").inputs
    assert "deploymentConfiguration" not in service
    assert "alarms" not in service


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
