"""Layers of the environments on EKS, as graphs: zones, budgets, stores, and what each may do in the account."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from components.labels import HOST, ZONE
from components.secrets.snapshot_store import rights as may_put
from components.secrets.unsealing import rights
from groundwork.errors import UserError
from stacks.admission_layer import images as may_run
from stacks.aws_images import simulated
from stacks.environment import Environment
from stacks.graph import Node, ResourceGraph, graph_of
from stacks.settings import from_file
from tests.components.recording import at
from tests.stacks.record_urns import LAYERS

CHECKOUT = Path(__file__).parents[2]
RECORDED = Path(__file__).parent
EKS = ["dev", "staging", "prod"]
DIGEST = "sha256:" + "a" * 64


@functools.cache
def graph(stack: str) -> ResourceGraph:
    return graph_of(stack, CHECKOUT)


def one(stack: str, kind: str, name: str) -> Node:
    (found,) = [node for node in graph(stack).of(kind) if node.name == name]
    return found


def zones(pod: object) -> object:
    """What becomes of a pod that would make zones uneven."""
    constraints = at(pod, "topologySpreadConstraints")
    assert isinstance(constraints, list)
    return next(each["whenUnsatisfiable"] for each in constraints if each["topologyKey"] == ZONE)


@pytest.mark.parametrize("stack", [f"{environment}.{layer}" for environment in EKS for layer in LAYERS])
def test_the_urns_are_those_on_record(stack: str) -> None:
    recorded = (RECORDED / f"urns.{stack}.txt").read_text("utf-8").splitlines()
    assert sorted(node.urn for node in graph(stack).nodes) == recorded


@pytest.mark.parametrize("stack", ["dev.secrets", "prod.observability"])
def test_a_layer_is_made_in_the_cluster_that_the_environment_made(stack: str) -> None:
    (provider,) = [node for node in graph(stack).nodes if node.type == "pulumi:providers:kubernetes"]
    assert provider.inputs["kubeconfig"] == "<kubeconfig>"


@pytest.mark.parametrize("stack", ["prod", "prod.observability", "prod.secrets"])
def test_a_second_pod_goes_to_another_zone_before_all_else_that_speaks_for_a_node(stack: str) -> None:
    several = [
        node
        for kind in ("Deployment", "StatefulSet")
        for node in graph(stack).of(kind)
        if at(node.inputs, "spec", "replicas") != 1
    ]
    assert several
    preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    for node in several:
        (asked,) = rows(at(node.inputs, "spec", "template", "spec", "affinity", "podAntiAffinity", preferred))
        term = asked["podAffinityTerm"]
        assert (asked["weight"], at(term, "topologyKey")) == (100, ZONE), node.name
        assert at(term, "labelSelector") == at(node.inputs, "spec", "selector"), node.name


@pytest.mark.parametrize("environment", EKS)
def test_openbao_has_a_node_in_each_zone_and_loses_one_at_a_time(environment: str) -> None:
    nodes = one(f"{environment}.secrets", "StatefulSet", "openbao")
    assert at(nodes.inputs, "spec", "replicas") == 3
    assert zones(at(nodes.inputs, "spec", "template", "spec")) == "DoNotSchedule"
    budget = one(f"{environment}.secrets", "PodDisruptionBudget", "openbao")
    assert at(budget.inputs, "spec", "maxUnavailable") == 1
    claims = at(nodes.inputs, "spec", "volumeClaimTemplates")
    assert isinstance(claims, list)
    assert {at(each, "metadata", "name"): at(each, "spec", "storageClassName") for each in claims} == {
        "data": "fast",
        "audit": "fast",
    }


@pytest.mark.parametrize("environment", EKS)
def test_openbao_is_unsealed_by_the_environments_key_and_its_image_can_do_so(environment: str) -> None:
    stack = f"{environment}.secrets"
    config = json.loads(str(at(one(stack, "ConfigMap", "openbao").inputs, "data", "openbao.json")))
    alias = f"alias/groundwork-{environment}-openbao"
    assert config["seal"] == {"awskms": {"kms_key_id": alias, "region": "eu-west-1"}}
    assert one(environment, "Alias", "unsealing").inputs["name"] == alias
    pod = at(one(stack, "StatefulSet", "openbao").inputs, "spec", "template", "spec")
    assert "/openbao-kms@sha256:" in str(at(pod, "containers", 0, "image"))
    assert at(pod, "serviceAccountName") == "openbao"


def test_the_role_of_openbao_may_use_that_key_and_do_nothing_else() -> None:
    (allowed,) = json.loads(rights("arn:of-the-key"))["Statement"]
    assert (allowed["Effect"], allowed["Resource"]) == ("Allow", "arn:of-the-key")
    assert allowed["Action"] == ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt"]


@pytest.mark.parametrize("environment", EKS)
def test_no_other_pod_of_the_layers_has_rights_in_the_account(environment: str) -> None:
    """The two add-ons of EKS have theirs by the add-on itself."""
    found = graph(environment)
    given = {str(node.inputs["serviceAccount"]): node.inputs for node in found.of("PodIdentityAssociation")}
    assert set(given) == {"openbao", "openbao-snapshots"}
    assert {inputs["namespace"] for inputs in given.values()} == {"groundwork-secrets"}
    key, policy = one(environment, "Key", "unsealing"), one(environment, "Policy", "unsealing")
    assert policy.dependencies == {key.urn}
    (attached,) = [node for node in found.of("RolePolicyAttachment") if node.name == "unsealing"]
    assert attached.dependencies == {policy.urn, one(environment, "Role", "unsealing").urn}


@pytest.mark.parametrize("environment", EKS)
def test_openbao_reaches_the_agent_that_hands_out_its_rights_and_no_other_address_of_the_machine(
    environment: str,
) -> None:
    policies = {node.name: node for node in graph(f"{environment}.secrets").of("NetworkPolicy")}
    opened = {
        name: [rule for rule in rows(at(node.inputs, "spec", "egress")) if "169.254" in json.dumps(rule["to"])]
        for name, node in policies.items()
    }
    closed_but = [rule for rule in opened["openbao"] if at(rule, "to", 0, "ipBlock", "cidr") != "0.0.0.0/0"]
    assert closed_but == [
        {"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"port": 80, "protocol": "TCP"}]}
    ]
    agent = {"to": [{"ipBlock": {"cidr": "169.254.170.23/32"}}], "ports": [{"port": 80, "protocol": "TCP"}]}
    assert opened["openbao-snapshots"].count(agent) == 1
    others = [rule for name, rules in opened.items() if name != "openbao" for rule in rules if rule != agent]
    assert all("169.254.0.0/16" in str(at(rule, "to", 0, "ipBlock", "except")) for rule in others)


def rows(value: object) -> list[Mapping[str, object]]:
    return value if isinstance(value, list) else []


@pytest.mark.parametrize("environment", EKS)
def test_openbao_reaches_rds_where_its_subnets_are_and_checks_it_by_its_root(environment: str) -> None:
    stack = f"{environment}.secrets"
    policy = one(stack, "NetworkPolicy", "openbao").inputs
    (way,) = [
        rule for rule in rows(at(policy, "spec", "egress")) if at(rule, "ports", 0, "port") == 5432
        and at(rule, "to", 0, "ipBlock")
    ]  # fmt: skip
    data = {
        node.inputs["cidrBlock"]
        for node in graph(environment).of("Subnet")
        if at(node.inputs, "tags", "groundwork:tier") == "data" or "-data-" in node.name
    }
    assert {at(peer, "ipBlock", "cidr") for peer in rows(at(way, "to"))} == data
    told = at(one(stack, "ConfigMap", "openbao-database").inputs, "data")
    assert str(at(told, "ca.crt")).startswith("-----BEGIN CERTIFICATE-----")
    assert at(told, "name") == one(environment, "Instance", "postgres").inputs["dbName"]
    assert graph(stack).of("StatefulSet")[0].name == "openbao"
    assert not [node for node in graph(stack).of("StatefulSet") if node.name == "postgres"]


def test_the_role_of_snapshots_puts_them_below_one_prefix_and_can_do_nothing_else() -> None:
    put, encrypt = json.loads(may_put("a-bucket", "arn:of-the-key", "eu-west-1"))["Statement"]
    assert (put["Action"], put["Resource"]) == ("s3:PutObject", "arn:aws:s3:::a-bucket/openbao/*")
    assert (encrypt["Action"], encrypt["Resource"]) == ("kms:GenerateDataKey", "arn:of-the-key")
    assert encrypt["Condition"] == {"StringEquals": {"kms:ViaService": "s3.eu-west-1.amazonaws.com"}}


@pytest.mark.parametrize(("environment", "seconds", "days"), [("dev", 21600, 1), ("prod", 3600, 35)])
def test_snapshots_go_to_the_environments_own_bucket_where_nobody_deletes_them(
    environment: str, seconds: int, days: int
) -> None:
    bucket = one(environment, "Bucket", "snapshots")
    pod = at(one(f"{environment}.secrets", "Deployment", "openbao-snapshots").inputs, "spec", "template", "spec")
    variables = {row["name"]: row["value"] for row in rows(at(pod, "containers", 0, "env"))}
    assert variables["S3_BUCKET"] == bucket.inputs["bucket"]
    assert variables["SNAPSHOT_SECONDS"] == str(seconds)
    assert bucket.inputs["objectLockEnabled"] is True
    lock = one(environment, "BucketObjectLockConfiguration", "snapshots")
    assert at(lock.inputs, "rule", "defaultRetention") == {"mode": "COMPLIANCE", "days": days}
    encrypted = at(
        one(environment, "BucketServerSideEncryptionConfiguration", "snapshots").inputs,
        "rules", 0, "applyServerSideEncryptionByDefault",
    )  # fmt: skip
    assert at(encrypted, "sseAlgorithm") == "aws:kms"
    assert (
        one(environment, "Key", "snapshots").urn
        in one(environment, "BucketServerSideEncryptionConfiguration", "snapshots").dependencies
    )


@pytest.mark.parametrize("environment", EKS)
def test_external_secrets_has_another_that_takes_over(environment: str) -> None:
    values = one(f"{environment}.secrets", "Chart", "external-secrets").inputs["values"]
    assert (at(values, "replicaCount"), at(values, "leaderElect")) == (2, True)
    assert at(values, "podDisruptionBudget") == {"enabled": True, "maxUnavailable": 1}
    assert zones(values) == "ScheduleAnyway"


@pytest.mark.parametrize("environment", EKS)
def test_gatekeeper_is_spread_and_one_of_it_may_go_at_a_time(environment: str) -> None:
    values = one(f"{environment}.admission", "Chart", "gatekeeper").inputs["values"]
    replicas = at(values, "replicas")
    assert isinstance(replicas, int)
    assert replicas > 1
    assert at(values, "pdb", "controllerManager", "minAvailable") == replicas - 1
    constraints = rows(at(values, "controllerManager", "topologySpreadConstraints"))
    assert {each["topologyKey"] for each in constraints} == {HOST, ZONE}
    assert {json.dumps(each["labelSelector"]) for each in constraints} == {
        '{"matchLabels": {"gatekeeper.sh/operation": "webhook"}}'
    }
    assert at(values, "controllerManager", "priorityClassName") == "system-cluster-critical"
    assert at(values, "podAnnotations") == {}


@pytest.mark.parametrize("environment", EKS)
def test_admission_is_told_of_the_environments_images_and_spares_what_eks_itself_runs(environment: str) -> None:
    stack = f"{environment}.admission"
    listed = at(one(stack, "K8sImageInBill", "constraint-k8s-image-in-bill").inputs, "spec", "parameters", "digests")
    assert isinstance(listed, list)
    assert set(listed) == {image.digest for image in simulated("openbao").images.values()}
    values = one(stack, "Chart", "gatekeeper").inputs["values"]
    # All add-ons of EKS stand there (components/cluster/versions.py).
    assert at(values, "validatingWebhookExemptNamespacesLabels") == {"kubernetes.io/metadata.name": ["kube-system"]}


def test_an_environment_with_real_images_and_no_signed_bill_lets_nothing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = from_file(CHECKOUT / "Pulumi.prod.yaml")
    real = {"agent-runtime": f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/groundwork/agent-runtime@{DIGEST}"}
    prod = Environment(name="prod", settings=settings, folder=CHECKOUT, kubeconfig=None, images=real)
    monkeypatch.delenv("GROUNDWORK_IMAGES", raising=False)
    with pytest.raises(UserError, match="this environment has none") as caught:
        may_run(prod)
    assert caught.value.where == "groundwork:bills"
    monkeypatch.setenv("GROUNDWORK_IMAGES", "simulated")
    assert may_run(prod) == [*real.values()]


@pytest.mark.parametrize("environment", EKS)
def test_what_is_seen_is_kept_on_encrypted_disks_and_each_server_has_a_budget(environment: str) -> None:
    found = graph(f"{environment}.observability")
    servers = {node.name: node for kind in ("Deployment", "StatefulSet") for node in found.of(kind)}
    assert set(servers) == {"alertmanager", "collector", "loki", "prometheus", "traces"}
    assert {node.name for node in found.of("PodDisruptionBudget")} == set(servers)
    claimed = {node.name: at(node.inputs, "spec", "storageClassName") for node in found.of("PersistentVolumeClaim")}
    for name, node in servers.items():
        templates = rows(at(node.inputs, "spec", "volumeClaimTemplates"))
        own = at(templates[0], "spec", "storageClassName") if templates else claimed[name]
        assert own == "fast", name


def test_prometheus_stands_in_two_zones_in_production_and_alerts_do_not_say_which() -> None:
    server = one("prod.observability", "StatefulSet", "prometheus")
    assert at(server.inputs, "spec", "replicas") == 2
    assert zones(at(server.inputs, "spec", "template", "spec")) == "DoNotSchedule"
    text = at(one("prod.observability", "ConfigMap", "prometheus-config").inputs, "data", "prometheus.yaml")
    config = json.loads(str(text))
    assert config["global"]["external_labels"] == {"environment": "prod", "replica": "${POD_NAME}"}
    assert config["alerting"]["alert_relabel_configs"] == [{"regex": "replica", "action": "labeldrop"}]
    assert not graph("dev.observability").of("StatefulSet")


def test_nodes_of_a_cloud_are_asked_for_what_they_show_and_logs_are_read_where_kubelets_keep_them() -> None:
    text = at(one("prod.observability", "ConfigMap", "prometheus-config").inputs, "data", "prometheus.yaml")
    jobs = {job["job_name"] for job in json.loads(str(text))["scrape_configs"]}
    assert "kubelet" in jobs
    assert not jobs & {"etcd", "containerd", "kube-scheduler"}
    pod = at(one("prod.observability", "DaemonSet", "collector-agent").inputs, "spec", "template", "spec")
    assert {"path": "/var/log/pods", "type": "Directory"} in [row.get("hostPath") for row in rows(at(pod, "volumes"))]


@pytest.mark.parametrize("environment", EKS)
def test_disks_are_encrypted_by_the_environments_key_and_say_whose_they_are(environment: str) -> None:
    storage = one(environment, "StorageClass", "storage-fast")
    assert (storage.inputs["provisioner"], storage.inputs["volumeBindingMode"]) == (
        "ebs.csi.aws.com",
        "WaitForFirstConsumer",
    )
    parameters = storage.inputs["parameters"]
    assert isinstance(parameters, Mapping)
    assert (parameters["type"], parameters["encrypted"]) == ("gp3", "true")
    assert one(environment, "Key", "keys-data").urn in storage.dependencies
    tags = {value for key, value in parameters.items() if key.startswith("tagSpecification_")}
    assert {f"groundwork:environment={environment}", "groundwork:component=storage", "groundwork:backup=daily"} <= tags


def changed(folder: Path, environment: str, path: str, value: object) -> Path:
    """A copy of an environment's file with one setting of a layer changed; None takes it out."""
    document = yaml.safe_load((CHECKOUT / f"Pulumi.{environment}.yaml").read_text("utf-8"))
    first, *between = path.split(".")
    place, key = document["config"], f"groundwork:{first}"
    for part in between:
        place, key = place.setdefault(key, {}), part
    place[key] = value
    if value is None:
        del place[key]
    file = folder / f"Pulumi.{environment}.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    return file


@pytest.mark.parametrize(
    ("environment", "path", "value", "key", "said", "allowed"),
    [
        ("dev", "secrets.replicas", 1, "secrets.replicas", "1 is lost with its zone", "3, 5 or 7"),
        ("dev", "secrets.replicas", 2, "secrets.replicas", "2 nodes can lose no more", "1, 3, 5 or 7"),
        (
            "prod",
            "secrets.kms",
            {"keyId": "alias/mine"},
            "secrets.kms.keyId",
            "'alias/mine': the environment makes the key",
            "none",
        ),
        ("prod", "secrets.kms", {"region": "eu-west-3"}, "secrets.kms.region", "'eu-west-3': the", "none"),
        ("prod", "secrets.storageClass", "quick", "secrets.storageClass", "'quick' is no class", "fast"),
        ("prod", "observability.storageClass", "gp2", "observability.storageClass", "'gp2' is no class", "fast"),
        ("prod", "observability.storageClass", None, "observability.replicas", "2 without a storage class", "1, or"),
        ("prod", "observability.replicas", 4, "observability.replicas", "", ""),
        ("prod", "admission.replicas", 1, "admission.replicas", "1: nothing is let in", "2 to 5"),
        ("prod", "admission.replicas", 9, "admission.replicas", "", ""),
        ("dev", "secrets.snapshots.every", "1m", "secrets.snapshots.every", "60s between two", "15m to 7d"),
        ("dev", "secrets.snapshots.lockDays", 8, "secrets.snapshots", "lockDays: 8 is above keepDays (7)", "1 to 7"),
        ("local", "secrets.snapshots", {}, "secrets.snapshots", "of an environment on EKS", "none"),
        ("local", "secrets.postgres", "rds", "secrets.postgres", "'rds': this environment makes no users", "true or"),
        ("dev", "secrets.controllers", 0, "secrets.controllers", "", ""),
        (
            "ecs",
            "aws.network.endpoints",
            ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "xray"],
            "aws.network.endpoints",
            "ecs is missing: what makes users of the database",
            "or secrets.postgres: false",
        ),
        ("ecs", "layers", ["secrets"], "layers[0]", "'secrets': aws.cluster.kind is ecs", "none"),
        ("local", "secrets.kms", {"region": "eu-west-1"}, "secrets.kms.keyId", "is missing", "a key's id"),
        ("local", "secrets.kms", {"keyId": "mine"}, "secrets.kms.region", "is missing", "its own"),
    ],
)
def test_a_wrong_setting_of_a_layer_is_refused(  # noqa: PLR0913, PLR0917 – a row of the table
    tmp_path: Path, environment: str, path: str, value: object, key: str, said: str, allowed: str
) -> None:
    with pytest.raises(UserError) as caught:
        from_file(changed(tmp_path, environment, path, value))
    assert key in caught.value.what
    assert said in caught.value.what
    assert allowed in str(caught.value.allowed)
    assert str(caught.value.where).startswith(f"Pulumi.{environment}.yaml:")


def test_an_environment_without_the_layer_makes_no_key(tmp_path: Path) -> None:
    changed(tmp_path, "dev", "layers", ["observability"])
    found = graph_of("dev", tmp_path)
    assert not found.of("PodIdentityAssociation")
    assert not [node for node in found.of("Key") if node.name == "unsealing"]


def test_a_plugin_for_kms_is_run_by_the_image_that_is_built_without_one(tmp_path: Path) -> None:
    plugin = {"path": "/plugins/kms-aws", "sha256": "ab" * 32}
    changed(tmp_path, "dev", "secrets.kms", {"plugin": plugin})
    found = graph_of("dev.secrets", tmp_path)
    (nodes,) = found.of("StatefulSet")
    assert "/openbao@sha256:" in str(at(nodes.inputs, "spec", "template", "spec", "containers", 0, "image"))
    (config,) = [node for node in found.of("ConfigMap") if node.name == "openbao"]
    assert (
        json.loads(str(at(config.inputs, "data", "openbao.json")))["plugin"]["kms"]["awskms"]["sha256sum"] == "ab" * 32
    )
