"""A tenant's own name at the load balancer, as a graph: proven by whom, shown by what, watched by whom."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from components.aws import Scope
from components.domains.own_host import Balancer, OwnHost, OwnHostArgs
from stacks.graph import Node, ResourceGraph
from stacks.listening import listen

SCOPE = Scope(environment="prod", account="123456789012", region="eu-west-1", cost_centre="hospitality")
HOST = "agents.companyx.example"


def made(*, zone_id: str | None = None, proven: bool = False, target_arn: str | None = "target") -> ResourceGraph:
    def program() -> None:
        balancer = Balancer(
            listener_arn="listener",
            dns_name="edge.elb.example",
            zone_id="Z-ELB",
            alarm_topic="topic",
            target_arn=target_arn,
        )
        args = OwnHostArgs(
            scope=SCOPE,
            tenant="acme",
            host=HOST,
            leads_to="acme.prod.example",
            balancer=balancer,
            zone_id=zone_id,
            proven=proven,
        )
        OwnHost(HOST, args)

    return listen(program, "prod.acme")


def kinds(graph: ResourceGraph) -> set[str]:
    return {node.type.rpartition(":")[2] for node in graph.nodes if node.type.startswith("aws:")}


def one(graph: ResourceGraph, kind: str) -> Node:
    (found,) = [node for node in graph.of(kind) if node.type.startswith("aws:")]
    return found


def test_a_name_that_is_not_proven_has_a_certificate_that_is_asked_for_and_serves_nothing() -> None:
    graph = made()
    assert kinds(graph) == {"Certificate"}
    asked = one(graph, "Certificate").inputs
    assert (asked["domainName"], asked["validationMethod"]) == (HOST, "DNS")
    assert "subjectAlternativeNames" not in asked


def test_a_proven_name_is_waited_for_then_shown_and_led_to_the_gateway() -> None:
    graph = made(proven=True)
    assert kinds(graph) == {
        "Certificate", "CertificateValidation", "ListenerCertificate", "ListenerRule", "MetricAlarm",
    }  # fmt: skip
    rule, shown = one(graph, "ListenerRule"), one(graph, "ListenerCertificate")
    assert shown.urn in graph.needs(rule.urn)
    assert one(graph, "CertificateValidation").urn in graph.needs(shown.urn)
    assert rule.inputs["conditions"] == [{"hostHeader": {"values": [HOST]}}]
    assert rule.inputs["actions"] == [{"type": "forward", "targetGroupArn": "target"}]


def test_on_ecs_services_have_the_rules() -> None:
    assert "ListenerRule" not in kinds(made(proven=True, target_arn=None))


def test_in_a_zone_that_is_kept_here_proof_and_address_are_set_too() -> None:
    graph = made(zone_id="Z-KEPT")
    records = {node.name: node.inputs for node in graph.of("Record")}
    assert records.keys() == {HOST, f"{HOST}-proof"}
    assert {row["zoneId"] for row in records.values()} == {"Z-KEPT"}
    (leads,) = [row for row in records.values() if row.get("type") == "A"]
    assert leads["aliases"] == [{"name": "edge.elb.example", "zoneId": "Z-ELB", "evaluateTargetHealth": True}]
    assert {"ListenerCertificate", "ListenerRule", "MetricAlarm"} <= kinds(graph)


@pytest.mark.parametrize("zone_id", ["Z-KEPT", None])
def test_a_certificate_that_is_not_renewed_is_told_of(zone_id: str | None) -> None:
    alarm = one(made(zone_id=zone_id, proven=True), "MetricAlarm").inputs
    assert (alarm["namespace"], alarm["metricName"]) == ("AWS/CertificateManager", "DaysToExpiry")
    assert (alarm["comparisonOperator"], alarm["threshold"], alarm["alarmActions"]) == (
        "LessThanThreshold",
        30,
        ["topic"],
    )


def test_everything_says_whose_it_is() -> None:
    for node in made(zone_id="Z-KEPT").nodes:
        if node.type.startswith("aws:") and "tags" in node.inputs:
            tags = node.inputs["tags"]
            assert isinstance(tags, Mapping)
            assert tags["groundwork:tenant"] == "acme"
