"""A tenant's own names at a load balancer, on an emulated account: asked for, proven, shown, and taken away again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from components.aws import Scope
from components.domains.own_host import Balancer, OwnHost, OwnHostArgs
from local.plugin.values import Json
from tests.engine.aws.bench import ACCOUNT, REGION, Bench, bench
from tests.engine.aws.programs import front

pytestmark = pytest.mark.engine

SCOPE = Scope(environment="prod", account=ACCOUNT, region=REGION, cost_centre="tests")
PROVEN, ASKED, KEPT = "agents.companyx.example", "later.companyx.example", "desk.acme.example"


def program(*, proven: bool = True) -> None:
    import pulumi
    from pulumi_aws import acm, lb, route53, sns

    vpc, _, edge, refuses = front()
    first = acm.Certificate("first", domain_name="*.prod.example", validation_method="DNS")
    listener = lb.Listener(
        "edge",
        load_balancer_arn=edge.arn,
        port=443,
        protocol="HTTPS",
        certificate_arn=first.arn,
        default_actions=[refuses],
    )
    target = lb.TargetGroup("gateway", name="gateway", port=32443, protocol="HTTPS", vpc_id=vpc.id)
    balancer = Balancer(
        listener_arn=listener.arn,
        dns_name=edge.dns_name,
        zone_id=edge.zone_id,
        alarm_topic=sns.Topic("alarms", name="alarms").arn,
        target_arn=target.arn,
    )
    kept = route53.Zone("kept", name="acme.example")
    for host, zone_id, is_proven in ((PROVEN, None, proven), (ASKED, None, False), (KEPT, kept.zone_id, False)):
        args = OwnHostArgs(
            scope=SCOPE,
            tenant="acme",
            host=host,
            leads_to="acme.prod.example",
            balancer=balancer,
            zone_id=zone_id,
            proven=is_proven,
        )
        pulumi.export(host, OwnHost(host, args).records)
    pulumi.export("listener", listener.arn)
    pulumi.export("target", target.arn)
    pulumi.export("zone", kept.zone_id)


@pytest.fixture(scope="module")
def aws() -> Iterator[Bench]:
    with bench() as made:
        made.stack(program).up()
        yield made


def output(aws: Bench, name: str) -> Json:
    found: Json = aws.stack(program).outputs()[name].value
    return found


def shown(aws: Bench) -> set[str]:
    """The names that the listener has certificates of."""
    listed = aws.call("elbv2", "DescribeListenerCertificates", ListenerArn=output(aws, "listener"))["Certificates"]
    arns = [row["CertificateArn"] for row in listed]
    return {aws.call("acm", "DescribeCertificate", CertificateArn=arn)["Certificate"]["DomainName"] for arn in arns}


def rules(aws: Bench) -> dict[str, str]:
    """Host → group of targets."""
    listed = aws.call("elbv2", "DescribeRules", ListenerArn=output(aws, "listener"))["Rules"]
    return {
        row["Conditions"][0]["HostHeaderConfig"]["Values"][0]: row["Actions"][0]["TargetGroupArn"]
        for row in listed
        if row["Conditions"]
    }


def test_a_preview_shows_no_change(aws: Bench) -> None:
    assert aws.stack(program).preview().change_summary.keys() == {"same"}


def test_names_that_are_proven_or_kept_here_are_shown_and_lead_to_the_gateway(aws: Bench) -> None:
    assert shown(aws) == {"*.prod.example", PROVEN, KEPT}
    assert rules(aws) == dict.fromkeys((PROVEN, KEPT), output(aws, "target"))


@pytest.mark.parametrize("host", [PROVEN, ASKED])
def test_the_owner_is_told_what_to_set(aws: Bench, host: str) -> None:
    proof, leads = output(aws, host)
    assert (proof["type"], proof["name"].endswith(f".{host}.")) == ("CNAME", True)
    assert proof["value"]
    assert leads == {"type": "CNAME", "name": host, "value": "acme.prod.example"}


def test_in_a_zone_that_is_kept_here_nobody_has_to_set_anything(aws: Bench) -> None:
    assert output(aws, KEPT) == []
    listed = aws.call("route53", "ListResourceRecordSets", HostedZoneId=output(aws, "zone"))["ResourceRecordSets"]
    found: Mapping[str, str] = {row["Name"]: row["Type"] for row in listed if row["Type"] not in {"NS", "SOA"}}
    assert found[f"{KEPT}."] == "A"
    assert sorted(found.values()) == ["A", "CNAME"]


def test_what_somebody_takes_from_the_listener_is_put_back(aws: Bench) -> None:
    listener = output(aws, "listener")
    arns = aws.call("acm", "ListCertificates")["CertificateSummaryList"]
    (arn,) = [row["CertificateArn"] for row in arns if row["DomainName"] == PROVEN]
    taken = {"ListenerArn": listener, "Certificates": [{"CertificateArn": arn}]}
    aws.call("elbv2", "RemoveListenerCertificates", **taken)
    assert PROVEN not in shown(aws)
    aws.stack(program).up(refresh=True)
    assert PROVEN in shown(aws)


def test_a_name_that_is_proven_no_more_is_taken_away_and_its_certificate_stays_asked_for(aws: Bench) -> None:
    aws.stack(lambda: program(proven=False)).up()
    assert shown(aws) == {"*.prod.example", KEPT}
    assert rules(aws).keys() == {KEPT}
    asked = {row["DomainName"] for row in aws.call("acm", "ListCertificates")["CertificateSummaryList"]}
    assert PROVEN in asked
    aws.stack(program).up()
    assert PROVEN in shown(aws)
