"""Agents' database outside the cluster: who is let through to it, what an agent is told, and by which root."""

from __future__ import annotations

import pytest
from cryptography import x509

from components.data.place import DatabasePlace, rds_root
from components.labels import Owner
from components.mesh.egress import BY_NETWORK
from components.platform.specs import TenantSpec
from components.tenancy.tenant import Tenant, TenantAgent, TenantArgs
from groundwork.errors import UserError
from tests.components.recording import Graph, Value, at, record
from tests.components.samples import DIGEST, manifest

NETWORKS = ["10.30.24.0/21", "10.30.88.0/21"]
RDS = DatabasePlace(host="one.rds.example", name="groundwork", authority="PEM", networks=NETWORKS, secret="arn:s")
ASKS = {"database": {"database": "postgres"}, "key": {"path": "key"}}


def tenant(place: DatabasePlace | None, **secrets: object) -> Graph:
    args = TenantArgs(
        owner=Owner(environment="dev", tenant="acme", cost_centre="a"),
        spec=TenantSpec(hosts=["acme.groundwork.test"]),
        agents=[TenantAgent(manifest=manifest("concierge", secrets=secrets), image=DIGEST)],
        authority="OPENBAO",
        database=place,
        cluster_networks=["10.30.0.0/16"],
    )
    return record(lambda: Tenant("acme", args))


def ways(graph: Graph) -> list[Value]:
    rules = graph.one("NetworkPolicy", "acme-concierge").at("spec", "egress")
    assert isinstance(rules, list)
    return [rule for rule in rules if at(rule, "ports", 0, "port") == 5432]


def test_an_agent_with_a_database_reaches_its_networks_and_their_port_alone() -> None:
    graph = tenant(RDS, **ASKS)
    assert ways(graph) == [
        {
            "to": [{"ipBlock": {"cidr": network}} for network in NETWORKS],
            "ports": [{"port": 5432, "protocol": "TCP"}],
        }
    ]
    (entry,) = [each for each in graph.of("ServiceEntry") if each.name == "acme-database"]
    assert entry.at("spec", "addresses") == NETWORKS
    assert entry.at("spec", "exportTo") == ["."]
    (own,) = [each for each in graph.of("Sidecar") if each.at("spec", "workloadSelector")]
    seen = own.at("spec", "egress", 0, "hosts")
    assert isinstance(seen, list)
    assert f"./{BY_NETWORK}" in seen


@pytest.mark.parametrize(("place", "secrets"), [(RDS, {"key": {"path": "key"}}), (DatabasePlace.inside("P"), ASKS)])
def test_who_has_none_there_gets_no_way(place: DatabasePlace, secrets: dict[str, object]) -> None:
    graph = tenant(place, **secrets)
    assert ways(graph) == []
    assert not [each for each in graph.of("ServiceEntry") if each.name == "acme-database"]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (RDS, ("one.rds.example", "groundwork", "PEM")),
        (DatabasePlace.inside("OPENBAO"), ("postgres.groundwork-data.svc.cluster.local", "agents", "OPENBAO")),
    ],
)
def test_an_agent_is_told_where_it_is_and_whom_to_trust(place: DatabasePlace, told: tuple[str, str, str]) -> None:
    (secret,) = [each for each in tenant(place, **ASKS).of("ExternalSecret") if each.name.endswith("-database")]
    data = secret.at("spec", "target", "template", "data")
    assert tuple(at(data, key) for key in ("host", "database", "ca.crt")) == told
    assert at(data, "port") == "5432"


def test_an_agent_that_wants_a_database_where_none_is_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"concierge: spec\.secrets\.database\.database: the environment has no database"
    ):
        tenant(None, **ASKS)
    assert tenant(None, key={"path": "key"}).of("ExternalSecret")


@pytest.mark.parametrize("region", ["eu-west-1", "eu-central-1", "us-east-1"])
def test_the_root_of_a_region_signs_itself_and_is_its_own(region: str) -> None:
    found = x509.load_pem_x509_certificate(rds_root(region).encode())
    found.verify_directly_issued_by(found)
    assert found.subject.rfc4514_string().count(f"Amazon RDS {region} Root CA ECC384 G1") == 1
    assert found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_region_whose_root_is_not_known_is_refused() -> None:
    with pytest.raises(UserError, match="no root of RDS is known for mars-north-1"):
        rds_root("mars-north-1")
