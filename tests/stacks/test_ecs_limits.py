"""Tenants' limits on ECS: rules of the environment's firewall, each about its tenant's names alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.edge.firewall import TenantRate
from groundwork.errors import UserError
from policies.rule import Value, at, items
from stacks.ecs_limits import tenant_rates
from stacks.graph import graph_of
from stacks.settings import from_file, settings_file
from tests.stacks.test_own_names import HOST, folder
from tests.stacks.test_own_names import given as sets

__all__ = ["folder"]
NAMES = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?([.][a-z]([a-z0-9-]{0,10}[a-z0-9])?){1,3}", fullmatch=True)


def rates(folder: Path) -> dict[str, TenantRate]:
    return tenant_rates("ecs", from_file(settings_file("ecs", folder)), folder)


def rules(folder: Path, environment: str = "ecs") -> dict[str, Value]:
    (acl,) = graph_of(environment, folder).of("WebAcl")
    listed: Value = acl.inputs["rules"]
    return {str(at(each, "name")): each for each in items(listed)}


def test_a_tenants_limit_is_its_own_and_refuses_as_a_gateway_does(folder: Path) -> None:
    sets(folder, "ecs.acme", limits={"requestsPerSecond": 7})
    sets(folder, "ecs.globex", limits=None)
    found = rules(folder)
    assert [name for name in found if name.startswith("tenant-")] == ["tenant-acme"]
    rule = found["tenant-acme"]
    assert at(rule, "action", "block", "customResponse", "responseCode") == 429
    held = at(rule, "statement", "rateBasedStatement")
    shown = [at(held, key) for key in ("limit", "evaluationWindowSec", "aggregateKeyType")]
    assert shown == [7 * 60, 60, "CONSTANT"]
    asked = at(held, "scopeDownStatement", "regexMatchStatement")
    assert at(asked, "fieldToMatch", "singleHeader", "name") == "host"
    assert at(asked, "textTransformations", 0, "type") == "LOWERCASE"


def test_a_tenant_more_moves_no_other_rule(folder: Path) -> None:
    sets(folder, "ecs.globex", limits=None)
    before = rules(folder)
    sets(folder, "ecs.globex", limits={"requestsPerSecond": 5})
    after = rules(folder)
    assert after.keys() - before.keys() == {"tenant-globex"}
    assert {name: at(each, "priority") for name, each in before.items()}.items() <= {
        name: at(each, "priority") for name, each in after.items()
    }.items()


def test_a_tenants_own_names_count_once_they_are_served(folder: Path) -> None:
    sets(folder, "ecs.acme", hosts=[HOST, "later.companyx.example"], provenHosts=[HOST])
    domain = from_file(settings_file("ecs", folder)).domain
    assert list(rates(folder)["acme"].hosts) == [f"acme.{domain}", HOST]


def test_on_eks_the_gateway_counts(folder: Path) -> None:
    assert [name for name in rules(folder, "prod") if name.startswith("tenant-")] == []


def test_a_limit_that_nothing_would_hold_is_refused(folder: Path) -> None:
    file = folder / "Pulumi.ecs.yaml"
    file.write_text(file.read_text("utf-8").replace("[acme, globex]", "[globex]"), "utf-8")
    with pytest.raises(UserError, match="the firewall of ecs does not know acme") as error:
        graph_of("ecs.acme", folder)
    assert "groundwork:tenants in Pulumi.ecs.yaml" in str(error.value.fix)
    sets(folder, "ecs.acme", limits=None)
    assert graph_of("ecs.acme", folder).of("Service")


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), NAMES)
def test_a_rule_is_about_its_names_with_any_port_and_no_other(hosts: list[str], other: str) -> None:
    pattern = TenantRate(hosts=hosts, per_second=1).pattern
    for host in hosts:
        assert re.search(pattern, host)
        assert re.search(pattern, f"{host}:443")
        for changed in (f"x{host}", f"{host}x", host.replace(".", "x"), f"{host}:443x"):
            assert changed in hosts or not re.search(pattern, changed)
    assert bool(re.search(pattern, other)) is (other in hosts)


def test_names_that_are_too_long_for_a_rule_are_refused() -> None:
    with pytest.raises(UserError, match="too long for a rule"):
        TenantRate(hosts=[f"{'a' * 60}.{number}.example" for number in range(8)], per_second=1)
