from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pytest
import yaml

from components.agents.agent import Agent, AgentArgs
from components.agents.manifest import AgentManifest, parse_manifest
from components.labels import Owner
from groundwork.errors import UserError
from tests.components.pod_security import containers, violations
from tests.components.recording import Graph, Registered, at, record
from tests.components.samples import DIGEST, FULL, manifest

OWNER = Owner(environment="local", tenant="acme", cost_centre="hospitality")


def made(agent: AgentManifest, *, suspended: bool = False) -> Graph:
    def program() -> None:
        args = AgentArgs(
            manifest=agent,
            owner=OWNER,
            namespace="acme",
            image=DIGEST,
            suspended=suspended,
            cluster_networks=["10.244.0.0/16"],
        )
        Agent("acme-concierge", args)

    return record(program)


def pod(graph: Graph) -> object:
    return graph.one("Deployment").at("spec", "template", "spec")


def policy(agent: AgentManifest) -> Registered:
    return made(agent).one("NetworkPolicy")


@pytest.mark.parametrize("agent", [manifest(), parse_manifest(FULL)], ids=["least", "full"])
def test_every_pod_satisfies_pod_security_restricted(agent: AgentManifest) -> None:
    assert violations(pod(made(agent))) == []


@pytest.mark.parametrize("agent", [manifest(), parse_manifest(FULL)], ids=["least", "full"])
def test_every_container_is_more_than_restricted(agent: AgentManifest) -> None:
    graph = made(agent)
    assert at(pod(graph), "automountServiceAccountToken") is False
    assert at(pod(graph), "securityContext", "runAsUser") == 65532
    assert graph.one("ServiceAccount").at("automountServiceAccountToken") is False
    found = list(containers(pod(graph)))
    assert len(found) == 1
    for container in found:
        assert container["image"] == DIGEST
        assert at(container, "securityContext", "readOnlyRootFilesystem") is True
        assert all(container[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness"))
        for kind in ("requests", "limits"):
            assert at(container, "resources", kind, "cpu")
            assert at(container, "resources", kind, "memory")


def test_one_object_of_each_kind_all_children_of_the_agent() -> None:
    graph = made(parse_manifest(FULL))
    kinds = sorted(resource.type.rsplit(":", 1)[-1] for resource in graph.resources)
    assert kinds == [
        "Agent", "AgentMesh", "ConfigMap", "Deployment", "DestinationRule", "HorizontalPodAutoscaler", "NetworkPolicy",
        "PodDisruptionBudget", "Service", "ServiceAccount", "Sidecar", "VirtualService",
    ]  # fmt: skip
    agent, mesh = graph.one("Agent"), graph.one("AgentMesh")
    assert {resource.parent for resource in graph.resources if resource is not agent} == {agent.urn, mesh.urn}


def test_every_object_carries_the_labels_of_its_owner() -> None:
    for resource in made(parse_manifest(FULL)).resources:
        if resource.type.startswith("kubernetes:"):
            assert resource.at("metadata", "namespace") == "acme"
            labels = resource.at("metadata", "labels")
            assert isinstance(labels, Mapping)
            assert labels["groundwork/tenant"] == "acme"
            assert labels["groundwork/agent"] == "concierge"
            assert labels["groundwork/tier"] == "standard"
            assert labels["groundwork/cost-centre"] == "hospitality"
            assert labels["groundwork/environment"] == "local"
            assert labels["team"] == "front-desk"


def test_the_selector_finds_the_pods_and_stays_when_labels_change() -> None:
    one = made(manifest()).one("Deployment")
    other = made(manifest(tier="heavy")).one("Deployment")
    wanted = {"groundwork/tenant": "acme", "groundwork/agent": "concierge"}
    for deployment in (one, other):
        assert deployment.at("spec", "selector", "matchLabels") == wanted
        labels = deployment.at("spec", "template", "metadata", "labels")
        assert isinstance(labels, Mapping)
        assert wanted.items() <= labels.items()
    assert made(manifest()).one("Service").at("spec", "selector") == wanted


def test_the_pod_is_given_the_manifest_that_was_declared() -> None:
    agent = parse_manifest(FULL)
    graph = made(agent)
    config = graph.one("ConfigMap")
    text = config.at("data", "manifest.yaml")
    assert isinstance(text, str)
    assert parse_manifest(text) == agent
    assert config.at("immutable") is True
    volumes = at(pod(graph), "volumes")
    assert isinstance(volumes, list)
    assert config.at("metadata", "name") in [at(volume, "configMap", "name") for volume in volumes]


def test_a_changed_manifest_rolls_and_an_unchanged_one_does_not() -> None:
    first, same, other = made(manifest()), made(manifest()), made(manifest(instructions="Be brief."))
    assert pod(first) == pod(same)
    assert pod(first) != pod(other)
    assert first.one("ConfigMap").urn == other.one("ConfigMap").urn
    assert first.one("ConfigMap").at("metadata", "name") != other.one("ConfigMap").at("metadata", "name")


def test_a_rollout_loses_no_request() -> None:
    graph = made(manifest(drain="1500ms"))
    strategy = graph.one("Deployment").at("spec", "strategy")
    assert strategy == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}
    (container,) = containers(pod(graph))
    leaving = at(container, "lifecycle", "preStop", "sleep", "seconds")
    grace = at(pod(graph), "terminationGracePeriodSeconds")
    assert isinstance(leaving, float)
    assert isinstance(grace, float)
    assert grace >= leaving + 2  # drain, rounded up


def test_replicas_are_the_autoscalers_or_the_deployments_never_both() -> None:
    scaled = made(manifest(scaling={"min": 1, "max": 3, "targetCpuPercent": 60}))
    assert scaled.one("Deployment").at("spec", "replicas") is None
    autoscaler = scaled.one("HorizontalPodAutoscaler")
    assert (autoscaler.at("spec", "minReplicas"), autoscaler.at("spec", "maxReplicas")) == (1, 3)
    assert autoscaler.at("spec", "metrics", 0, "resource", "target", "averageUtilization") == 60
    assert autoscaler.at("spec", "scaleTargetRef", "name") == scaled.one("Deployment").at("metadata", "name")
    fixed = made(manifest(scaling={"min": 2, "max": 2}))
    assert fixed.one("Deployment").at("spec", "replicas") == 2
    assert fixed.of("HorizontalPodAutoscaler") == []


@pytest.mark.parametrize("least", [1, 2, 9])
def test_the_budget_always_lets_one_pod_go(least: int) -> None:
    budget = made(manifest(scaling={"min": least, "max": 9})).one("PodDisruptionBudget")
    assert budget.at("spec", "maxUnavailable") == 1
    assert budget.at("spec", "minAvailable") is None


def test_only_requests_and_scrapes_come_in() -> None:
    rules = policy(manifest()).at("spec", "ingress")
    assert isinstance(rules, list)
    assert [at(rule, "ports", 0, "port") for rule in rules] == [8080, 9090]
    assert all(at(rule, "from") for rule in rules), "a rule without `from` lets everyone in"
    assert policy(manifest()).at("spec", "policyTypes") == ["Ingress", "Egress"]


def rules(agent: AgentManifest) -> list[object]:
    """What an agent may reach."""
    found = policy(agent).at("spec", "egress")
    assert isinstance(found, list)
    return found


def test_only_names_and_istiod_are_reached_where_no_egress_is_declared() -> None:
    mesh, dns, spans = rules(manifest())
    assert at(mesh, "ports") == [{"protocol": "TCP", "port": 15012}]
    assert at(mesh, "to", 0, "namespaceSelector", "matchLabels") == {"kubernetes.io/metadata.name": "istio-system"}
    assert at(dns, "ports") == [{"protocol": protocol, "port": 53} for protocol in ("UDP", "TCP")]
    assert at(dns, "to", 0, "namespaceSelector", "matchLabels") == {"kubernetes.io/metadata.name": "kube-system"}
    assert at(spans, "ports") == [{"protocol": "TCP", "port": port} for port in (4317, 4318)]
    collector = {"kubernetes.io/metadata.name": "groundwork-observability"}
    assert at(spans, "to", 0, "namespaceSelector", "matchLabels") == collector


def test_declared_egress_is_held_to_its_port_and_outside_the_cluster() -> None:
    outside, address, inside = rules(manifest(egress=["models.example.com:443", "10.1.2.3:5432", "llm.models.svc:80"]))[
        3:
    ]
    assert outside == {
        "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16", "10.244.0.0/16"]}}],
        "ports": [{"protocol": "TCP", "port": 443}],
    }
    assert at(address, "to", 0, "ipBlock") == {"cidr": "10.1.2.3/32"}
    assert inside == {"to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "models"}}}]}


def test_the_network_is_closed_before_the_first_pod_starts() -> None:
    graph = made(manifest())
    assert graph.one("NetworkPolicy").urn in graph.one("Deployment").depends_on


def test_the_service_is_inside_the_cluster_and_for_requests_alone() -> None:
    inside = made(manifest()).one("Service")
    assert (inside.at("spec", "type"), inside.at("spec", "ports", 0, "name")) == ("ClusterIP", "http")
    assert inside.at("spec", "ports", 1) is None


@pytest.mark.parametrize("scaling", [{"min": 1, "max": 1}, {"min": 2, "max": 4}])
def test_a_suspended_agent_has_no_pod_and_nothing_that_would_start_one(scaling: dict[str, int]) -> None:
    graph = made(manifest(scaling=scaling), suspended=True)
    assert graph.one("Deployment").at("spec", "replicas") == 0
    assert graph.of("HorizontalPodAutoscaler") == []


def test_secrets_are_references_in_the_environment() -> None:
    (container,) = containers(pod(made(parse_manifest(FULL))))
    env = container["env"]
    assert isinstance(env, list)
    variables = {str(at(row, "name")): row for row in env}
    assert at(variables["GREETING"], "value") == "hello"
    assert at(variables["STORE_TOKEN"], "valueFrom", "secretKeyRef") == {"name": "store", "key": "token"}
    assert at(variables["AGENT_TENANT"], "value") == "acme"


def test_the_models_key_is_a_file_where_the_runtime_looks_for_it() -> None:
    spec = pod(made(parse_manifest(FULL)))
    (container,) = containers(spec)
    assert at(spec, "volumes", 2, "secret") == {
        "secretName": "model-key",
        "items": [{"key": "token", "path": "token"}],
        "defaultMode": 0o440,
    }
    mount = at(container, "volumeMounts", 2)
    assert mount == {"name": "model-key", "mountPath": "/run/secrets/agent/model-key", "readOnly": True}
    assert at(container, "env", 1) == {"name": "AGENT_SECRETS", "value": "/run/secrets/agent"}


def test_what_kubernetes_shows_is_yaml_with_no_surprise() -> None:
    text = made(parse_manifest(FULL)).one("ConfigMap").at("data", "manifest.yaml")
    assert yaml.safe_load(str(text))["metadata"]["name"] == "concierge"


@pytest.mark.parametrize("image", ["agent-runtime", "localhost/groundwork/agent-runtime:1", DIGEST[:-1]])
def test_a_known_image_without_digest_is_refused_when_arguments_are_built(image: str) -> None:
    with pytest.raises(UserError, match="is not by digest"):
        AgentArgs(manifest=manifest(), owner=OWNER, namespace="acme", image=image)


def test_an_image_that_comes_later_is_taken() -> None:
    def program() -> None:
        later = pulumi.Output.from_input(DIGEST)
        Agent("a", AgentArgs(manifest=manifest(), owner=OWNER, namespace="acme", image=later))

    (container,) = containers(pod(record(program)))
    assert container["image"] == DIGEST


def test_a_store_that_no_environment_has_is_refused() -> None:
    with pytest.raises(UserError, match="no environment has Redis yet"):
        redis = manifest(memory={"sessions": {"store": "redis"}})
        AgentArgs(manifest=redis, owner=OWNER, namespace="acme", image=DIGEST)
