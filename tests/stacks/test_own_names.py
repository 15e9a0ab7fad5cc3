"""A tenant's own names in AWS: whose they are, which are served, and what its stack makes of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from groundwork.errors import UserError
from stacks.graph import Node, ResourceGraph, graph_of
from stacks.own_names import OwnName, own_names
from stacks.preflight import check_tenant
from stacks.settings import from_file, settings_file
from tests.components.recording import at

CHECKOUT = Path(__file__).parents[2]
HOST = "agents.companyx.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The project's settings and tenants, to be changed."""
    shutil.copytree(CHECKOUT / "tenants", tmp_path / "tenants")
    for file in CHECKOUT.glob("Pulumi*.yaml"):
        shutil.copy(file, tmp_path)
    return tmp_path


def given(folder: Path, stack: str, **settings: object) -> None:
    """Values of one environment alone."""
    config = {"config": {f"groundwork:{key}": value for key, value in settings.items()}}
    (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump(config))


def with_zones(folder: Path, environment: str, **zones: str) -> None:
    file = folder / f"Pulumi.{environment}.yaml"
    text = yaml.safe_load(file.read_text())
    text["config"]["groundwork:dns"] = {"zones": {zone.replace("_", "."): tenant for zone, tenant in zones.items()}}
    file.write_text(yaml.safe_dump(text))


def found(folder: Path, environment: str = "prod") -> list[OwnName]:
    settings = from_file(settings_file(environment, folder))
    return own_names(environment, settings, check_tenant(environment, "acme", folder).settings, folder)


def test_a_name_is_served_once_it_is_proven_and_in_a_zone_that_is_kept_here_at_once(folder: Path) -> None:
    with_zones(folder, "prod", acme_example="acme")
    given(folder, "prod.acme", hosts=[HOST, "other.companyx.example", "desk.acme.example"], provenHosts=[HOST])
    names = found(folder)
    assert [(name.host, name.zone, name.served) for name in names] == [
        (HOST, None, True),
        ("other.companyx.example", None, False),
        ("desk.acme.example", "acme.example", True),
    ]


@pytest.mark.parametrize(
    ("hosts", "what"),
    [
        (
            ["desk.globex.example"],
            "hosts: desk.globex.example is in the zone globex.example, which is not this tenant's",
        ),
        (["other.{domain}"], "hosts: other.{domain} is in the zone {domain}, which is not this tenant's"),
        (["taken.companyx.example"], "hosts: taken.companyx.example stands in tenants/globex/tenant.yaml too"),
    ],
)
def test_a_name_that_is_anothers_is_refused(folder: Path, hosts: list[str], what: str) -> None:
    domain = from_file(settings_file("prod", folder)).domain
    with_zones(folder, "prod", globex_example="globex")
    given(folder, "prod.globex", hosts=["taken.companyx.example"])
    given(folder, "prod.acme", hosts=[host.format(domain=domain) for host in hosts])
    with pytest.raises(UserError) as caught:
        found(folder)
    assert caught.value.what == what.format(domain=domain)
    assert caught.value.where == "tenants/acme/tenant.yaml"


def test_a_rule_on_ecs_names_three_at_most(folder: Path) -> None:
    hosts = [f"n{index}.companyx.example" for index in range(4)]
    given(folder, "ecs.acme", hosts=hosts, provenHosts=hosts[:3])
    assert sum(name.served for name in found(folder, "ecs")) == 3
    given(folder, "ecs.acme", hosts=hosts, provenHosts=[*hosts])
    with pytest.raises(UserError, match="4 are more than a rule of the load balancer can name"):
        found(folder, "ecs")


def test_in_a_cluster_the_operator_has_them(folder: Path) -> None:
    given(folder, "local.acme", hosts=[HOST])
    assert found(folder, "local") == []
    given(folder, "local.acme", hosts=[HOST], provenHosts=[HOST])
    with pytest.raises(UserError, match="the operator finds proofs by itself here"):
        found(folder, "local")


def of(graph: ResourceGraph, kind: str) -> list[Node]:
    return [node for node in graph.of(kind) if node.custom]


def test_a_tenant_on_eks_answers_at_a_name_of_its_own(folder: Path) -> None:
    given(folder, "prod.acme", hosts=[HOST, "later.companyx.example"], provenHosts=[HOST])
    graph = graph_of("prod.acme", folder)
    (tenant,) = of(graph, "Tenant")
    domain = from_file(settings_file("prod", folder)).domain
    assert at(tenant.inputs, "spec", "hosts") == [f"acme.{domain}", HOST]
    (route,) = [node for node in of(graph, "VirtualService") if at(node.inputs, "metadata", "name") == "gateway"]
    assert at(route.inputs, "spec", "hosts") == [f"acme.{domain}", HOST]
    assert of(graph, "Domain") == []
    assert sorted(node.name for node in of(graph, "Certificate")) == [HOST, "later.companyx.example"]
    assert [node.name for node in of(graph, "ListenerCertificate")] == [HOST]


def test_a_tenant_on_ecs_has_its_own_name_in_every_rule(folder: Path) -> None:
    given(
        folder, "ecs.acme", hosts=[HOST], provenHosts=[HOST],
        issuers=[{"issuer": "https://id.acme.example", "audiences": ["agents"], "jwksUri": "https://id.acme.example/k"}],
    )  # fmt: skip
    graph = graph_of("ecs.acme", folder)
    domain = from_file(settings_file("ecs", folder)).domain
    (rule,) = of(graph, "ListenerRule")
    assert json.dumps([f"acme.{domain}", HOST]) in json.dumps(rule.inputs["conditions"])
    assert [node.name for node in of(graph, "ListenerCertificate")] == [HOST]


def test_an_environment_keeps_the_zone_of_a_tenant(folder: Path) -> None:
    with_zones(folder, "prod", acme_example="acme")
    graph = graph_of("prod", folder)
    assert {node.inputs["name"] for node in of(graph, "Zone")} >= {"acme.example"}
