"""Domains as a program declares them: who may do what, what is open, what the operator is told."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from components.domains.custom import CustomDomain, CustomDomainArgs
from components.domains.interface import Zone
from components.domains.kubernetes import AcmeArgs, KubernetesDomains, KubernetesDomainsArgs
from components.labels import Owner
from components.units import HostPort
from domains_operator.settings import Settings
from groundwork.errors import UserError
from tests.components.pod_security import violations
from tests.components.recording import Graph, Value, at, record
from tests.components.samples import DIGEST

ARGS = KubernetesDomainsArgs(
    environment="local",
    zones=[Zone(name="groundwork.test"), Zone(name="held.test", tenant="acme")],
    image=DIGEST,
    addresses=["127.0.0.1"],
    dns_port=5353,
)
ACME = AcmeArgs(directory="https://acme.example.com:8443/directory", contact="operator@example.com")


def made(args: KubernetesDomainsArgs = ARGS) -> Graph:
    return record(lambda: KubernetesDomains("domains", args))


def told(args: KubernetesDomainsArgs = ARGS) -> Settings:
    """The settings as the operator itself reads them."""
    return Settings.model_validate_json(str(made(args).one("ConfigMap").at("data", "settings.json")))


def rules(graph: Graph, kind: str, name: str) -> set[tuple[str, str, str]]:
    """Resource, verb and name (or *) of each thing that a role allows."""
    found = set()
    listed = graph.one(kind, name).at("rules")
    assert isinstance(listed, list)
    for rule in listed:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                found |= {(resource, verb, each) for each in rule.get("resourceNames") or ["*"]}
    return found


def containers() -> dict[str, Value]:
    listed = made().one("Deployment").at("spec", "template", "spec", "containers")
    assert isinstance(listed, list)
    return {each["name"]: each for each in listed}


def test_the_pod_fits_the_restricted_profile() -> None:
    pod = made().one("Deployment").at("spec", "template", "spec")
    assert violations(pod) == []
    for container in containers().values():
        assert at(container, "securityContext", "readOnlyRootFilesystem") is True
        assert at(container, "resources", "limits", "memory")


def test_only_the_operator_has_a_token_and_only_it_writes_zones() -> None:
    mounts = {name: at(each, "volumeMounts") for name, each in containers().items()}
    operator, server = mounts["operator"], mounts["zone-server"]
    assert isinstance(operator, list)
    assert isinstance(server, list)
    assert {"token", "openbao"} <= {mount["name"] for mount in operator}
    assert server == [{"mountPath": "/zones", "name": "zones", "readOnly": True}]
    assert made().one("Deployment").at("spec", "template", "spec", "automountServiceAccountToken") is False


def test_no_secret_is_declared_and_none_stands_in_the_settings() -> None:
    graph = made(replace(ARGS, acme=ACME))
    assert graph.of("Secret") == []
    assert "PRIVATE" not in json.dumps([each.inputs for each in graph.resources], default=str)


class TestRights:
    def test_of_all_namespaces_it_reads_domains_only_and_writes_their_status(self) -> None:
        assert rules(made(), "ClusterRole", "groundwork-domains") == {
            ("domains", "get", "*"),
            ("domains", "list", "*"),
            ("domains", "watch", "*"),
            ("domains/status", "update", "*"),
            ("events", "create", "*"),
        }

    def test_its_own_keys_are_read_by_name(self) -> None:
        found = rules(made(), "Role", "domains-groundwork-domains")
        assert {name for resource, verb, name in found if resource == "secrets" and verb == "get"} == {
            "authority",
            "acme-account",
            "proof-key",
        }
        assert not {verb for resource, verb, _ in found if resource == "secrets"} - {"create", "get"}

    def test_the_gateways_secrets_cannot_be_listed(self) -> None:
        found = rules(made(), "Role", "domains-groundwork-gateway")
        assert {verb for resource, verb, _ in found if resource == "secrets"} == {"create", "get", "update", "delete"}

    def test_nothing_is_a_wildcard(self) -> None:
        for kind in ("ClusterRole", "Role"):
            for role in made().of(kind):
                text = json.dumps(role.at("rules"))
                assert '"*"' not in text


class TestNetwork:
    def test_questions_come_from_everywhere_challenges_from_the_gateway(self) -> None:
        ingress = made().one("NetworkPolicy", "domains").at("spec", "ingress")
        assert isinstance(ingress, list)
        open_to_all = [rule for rule in ingress if not rule.get("from")]
        assert [[(port["protocol"], port["port"]) for port in rule["ports"]] for rule in open_to_all] == [
            [("UDP", 5353), ("TCP", 5353)]
        ]
        (challenges,) = [rule for rule in ingress if rule["ports"] == [{"port": 8080, "protocol": "TCP"}]]
        assert at(challenges, "from", 0, "namespaceSelector", "matchLabels") == {
            "kubernetes.io/metadata.name": "groundwork-gateway"
        }

    def test_dns_is_outside_of_the_mesh_and_the_rest_inside(self) -> None:
        notes = made().one("Deployment").at("spec", "template", "metadata", "annotations")
        assert at(notes, "traffic.sidecar.istio.io/excludeInboundPorts") == "5353"

    def test_openbao_is_reached_past_the_mesh_that_it_is_no_part_of(self) -> None:
        egress = made().one("NetworkPolicy", "domains").at("spec", "egress")
        assert isinstance(egress, list)
        (openbao,) = [rule for rule in egress if rule["ports"] == [{"port": 8200, "protocol": "TCP"}]]
        assert openbao["to"] == [
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "groundwork-secrets"}}}
        ]
        notes = made().one("Deployment").at("spec", "template", "metadata", "annotations")
        assert "8200" in str(at(notes, "traffic.sidecar.istio.io/excludeOutboundPorts")).split(",")

    def test_the_authoritys_port_is_open_where_there_is_one(self) -> None:
        graph = made(replace(ARGS, acme=ACME))
        assert '"port": 8443' in json.dumps(graph.one("NetworkPolicy", "domains").at("spec", "egress"))
        assert '"port": 8443' not in json.dumps(made().one("NetworkPolicy", "domains").at("spec", "egress"))
        notes = graph.one("Deployment").at("spec", "template", "metadata", "annotations")
        assert "8443" in str(at(notes, "traffic.sidecar.istio.io/excludeOutboundPorts")).split(",")

    def test_the_zone_servers_take_both_protocols_on_the_port_that_is_asked_for(self) -> None:
        spec = made().one("Service", "domains-zones").at("spec")
        assert at(spec, "type") == "LoadBalancer"
        ports = at(spec, "ports")
        assert isinstance(ports, list)
        assert {(port["protocol"], port["port"], port["targetPort"]) for port in ports} == {
            ("UDP", 5353, 5353),
            ("TCP", 5353, 5353),
        }


class TestSettings:
    def test_the_operator_can_read_them(self) -> None:
        assert [(zone.name, zone.tenant) for zone in told().zones] == [("groundwork.test", None), ("held.test", "acme")]
        assert told().issuer == "own"
        assert told().gateway_selector == {"istio": "gateway"}

    def test_an_authority_is_passed_on(self) -> None:
        found = told(replace(ARGS, acme=ACME))
        assert found.issuer == "acme"
        assert found.acme is not None
        assert (found.acme.directory, found.acme.contact) == (ACME.directory, ACME.contact)

    def test_resolvers_are_the_pods_own_unless_named(self) -> None:
        assert [(each.host, each.port) for each in told().resolvers] == [("127.0.0.1", 5300)]
        named = told(replace(ARGS, resolvers=[HostPort("192.0.2.53", 53)]))
        assert [(each.host, each.port) for each in named.resolvers] == [("192.0.2.53", 53)]

    def test_pods_are_replaced_when_they_change(self) -> None:
        one, two = made().one("ConfigMap"), made(replace(ARGS, addresses=["192.0.2.1"])).one("ConfigMap")
        assert one.at("metadata", "name") != two.at("metadata", "name")
        assert one.at("immutable") is True


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"zones": []}, "not the environment's own"),
        ({"zones": [Zone(name="held.test", tenant="acme")]}, "not the environment's own"),
        ({"zones": [Zone(name="a.test"), Zone(name="a.test")]}, "stands twice"),
        ({"addresses": []}, "the gateway has none"),
        ({"image": "domains:latest"}, "not by digest"),
    ],
)
def test_arguments_that_are_refused(changes: dict[str, object], said: str) -> None:
    values = {name: getattr(ARGS, name) for name in ("environment", "zones", "image", "addresses")} | changes
    with pytest.raises(UserError, match=said):
        KubernetesDomainsArgs(**values)


@pytest.mark.parametrize("name", ["Upper.test", "nodots", "a..test", "*.test", ""])
def test_a_zone_has_a_dns_name(name: str) -> None:
    with pytest.raises(UserError, match="zone"):
        Zone(name=name)


def test_an_authority_speaks_https() -> None:
    with pytest.raises(UserError, match="no directory"):
        AcmeArgs(directory="http://acme.example.com/")


def test_a_simulated_environment_waits_for_no_address() -> None:
    service = made(replace(ARGS, simulated=True)).one("Service", "domains-zones")
    assert service.at("metadata", "annotations", "pulumi.com/skipAwait") == "true"


def test_a_custom_domain_is_one_object_of_the_tenants() -> None:
    owner = Owner(environment="local", tenant="acme", cost_centre="hospitality")
    args = CustomDomainArgs(owner=owner, namespace="acme", host="agents.companyx.test", issuer="own")
    found = record(lambda: CustomDomain("acme-agents", args)).one("Domain")
    assert found.at("metadata", "namespace") == "acme"
    assert found.at("spec") == {"host": "agents.companyx.test", "issuer": "own"}
    assert found.at("metadata", "labels", "groundwork/tenant") == "acme"
