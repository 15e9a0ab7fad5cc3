"""What a program asks for, held to the policies before an update: what only an update tells is never passed over."""

from __future__ import annotations

import datetime as dt

from groundwork.verdict import Outcome
from policies.analysis import Findings, from_program
from policies.exceptions import Exceptions
from policies.gate import judge
from policies.pack.rules import by_id
from policies.rule import Resource
from stacks.graph import graph_of
from tests.components.test_database_users import DESK as BOOKS
from tests.components.test_database_users import tenant as with_database
from tests.components.test_ecs_channels import PACKER
from tests.components.test_rotation import DESK, made
from tests.stacks.record_urns import LAYERS

NONE = Exceptions(listed=(), today=dt.date(2026, 1, 1))
GROUP = "aws:cloudwatch/logGroup:LogGroup"
LOGS = [by_id()["aws-log-group"]]


def group(key: str | None, *unknown: str) -> Resource:
    props = {"retentionInDays": 365, "kmsKeyId": key, "name": None}
    return Resource(
        type=GROUP, urn=f"urn:{GROUP}", name="a", props=props, unknown=frozenset({(each,) for each in unknown})
    )


def test_a_value_that_is_not_known_is_not_taken_for_one_that_is_not_set() -> None:
    known = Findings.of([group(None)], NONE, LOGS)
    assert [each.rule.id for each in known.listed] == ["aws-log-group"]
    assert known.unseen == ()
    unknown = Findings.of([group(None, "kmsKeyId")], NONE, LOGS)
    assert unknown.listed == ()
    assert len(unknown.unseen) == 1


def test_what_is_known_is_found_beside_what_is_not() -> None:
    resource = group("arn:aws:kms:eu-central-1:123456789012:key/a", "name")
    short = Resource(type=GROUP, urn="urn:b", name="b", props={"retentionInDays": 1, "kmsKeyId": None})
    found = Findings.of([resource, short], NONE, LOGS)
    assert [each.urn for each in found.listed] == ["urn:b"]
    assert found.unseen == ()


def test_unknown_values_deep_inside_are_found_by_their_path() -> None:
    containers = [{"name": "a", "image": None}, {"name": "b", "image": "example.com/b:1"}]
    pod = Resource(
        type="kubernetes:core/v1:Pod",
        urn="urn:p",
        name="p",
        props={"spec": {"containers": containers}},
        unknown=frozenset({("spec", "containers", 0, "image")}),
    )
    found = Findings.of([pod], NONE)
    assert "k8s-image-digest of urn:p" in found.unseen
    assert "k8s-pod-non-root of urn:p" not in found.unseen


def test_a_stack_that_is_not_up_is_inconclusive_at_best() -> None:
    result = judge("prod", {"prod": [group(None, "kmsKeyId")]}, tools=None, exceptions=NONE)
    assert result.verdict.outcome is Outcome.INCONCLUSIVE
    assert "aws-log-group" in result.verdict.checks[0].why


def test_a_chart_whose_objects_are_not_there_is_named() -> None:
    def row(type_: str, name: str) -> Resource:
        return Resource(type=f"kubernetes:{type_}", urn=f"urn:{name}", name=name, props={})

    chart, inside = row("helm.sh/v4:Chart", "mesh"), row("core/v1:ConfigMap", "mesh:istio-system/istio")
    space = row("core/v1:Namespace", "a")
    for graph, said in (([chart, space], True), ([chart, inside, space], False)):
        result = judge("prod", {"prod": graph}, tools=None, exceptions=NONE)
        assert ("objects of charts" in result.verdict.checks[0].why) is said


def test_an_environment_in_aws_breaks_nothing_that_stops_before_it_is_up() -> None:
    allowed = Exceptions.read(today=NONE.today)
    layers = [f"{environment}.{layer}" for environment in ("dev", "prod") for layer in LAYERS]
    for stack in ("dev", "staging", "prod", "ecs", *layers):
        found = Findings.of(from_program(graph_of(stack)), allowed)
        assert [(each.rule.id, each.urn, each.message) for each in found.stopping] == []
        # Keys of this stack that encrypt, groups, topics, roles and a bucket by their names: AWS tells these.
        assert {each.partition(" of ")[0] for each in found.unseen} <= {
            "aws-alarms", "aws-backup", "aws-ecs-exec", "aws-eks-nodes", "aws-elasticache-access",
                "aws-iam-attachments", "aws-iam-wildcards", "aws-lambda", "aws-load-balancer-groups", "aws-log-group",
                "aws-queues", "aws-quotas", "aws-rds-access", "aws-s3-object-lock", "aws-s3-parts", "aws-s3-tls",
            }  # fmt: skip
        assert [each.rule.id for each in found.listed if not each.excepted] == []


def test_a_tenant_on_ecs_with_all_that_it_may_have_breaks_no_policy() -> None:
    graph = made("acme", DESK, PACKER, days={"keys/signing": 30})
    assert Findings.of(from_program(graph), NONE).listed == ()


def test_a_tenant_on_ecs_with_a_user_of_the_database_breaks_no_policy() -> None:
    assert Findings.of(from_program(with_database(BOOKS, DESK)), NONE).listed == ()
