"""What the plugin refuses before anything is made, and what it takes for the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.aws_plugin.account import Account
from local.aws_plugin.changing import Changer
from local.aws_plugin.handlers import resource_of
from local.aws_plugin.resource import Resource
from local.aws_plugin.same import same, seen
from local.aws_plugin.settings import Settings, check
from local.plugin.errors import PluginError
from local.plugin.naming import NamingRequest
from local.plugin.values import UNKNOWN, Object, Secret

ACCOUNT = Account(Settings(region="eu-west-1", access_key="a", secret_key="b", default_tags={"cost": "x"}))


def resource(token: str) -> Resource:
    return resource_of(f"urn:pulumi:dev::test::{token}::it", ACCOUNT)


def problems(token: str, **properties: object) -> list[str]:
    found = resource(token).check({}, dict(properties), NamingRequest("it", b"1"))[1]
    return [path for path, _ in found]


@pytest.mark.parametrize(
    ("token", "properties", "path"),
    [
        ("aws:ec2/vpc:Vpc", {"cidrBlock": "10.0.0.0/16", "nonsense": 1}, "nonsense"),
        ("aws:cloudwatch/logGroup:LogGroup", {"namePrefix": "x"}, "namePrefix"),
        (
            "aws:ec2/launchTemplate:LaunchTemplate",
            {"metadataOptions": {"httpTokenz": "x"}},
            "LaunchTemplateData.MetadataOptions.httpTokenz",
        ),
        (
            "aws:lb/targetGroup:TargetGroup",
            {"port": 80, "healthCheck": {"path": "/", "color": "red"}},
            "healthCheck.color",
        ),
        ("aws:ec2/subnet:Subnet", {"cidrBlock": "10.0.0.0/24"}, "vpcId"),
        ("aws:ec2/securityGroup:SecurityGroup", {"egress": [{"protocol": "-1"}]}, "egress"),
    ],
)
def test_what_cannot_be_sent_is_named(token: str, properties: Object, path: str) -> None:
    assert path in problems(token, **properties)


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(PluginError, match="aws:glue/job:Job"):
        resource("aws:glue/job:Job").check({}, {}, NamingRequest("it"))


def test_unknown_values_are_no_problem() -> None:
    assert problems("aws:ec2/subnet:Subnet", vpcId=UNKNOWN, cidrBlock=UNKNOWN) == []


def test_names_are_kept_and_default_tags_are_the_programs_own() -> None:
    group = resource("aws:cloudwatch/logGroup:LogGroup")
    first, _ = group.check({}, {"tags": {"a": "b"}}, NamingRequest("logs", b"1"))
    assert first["name"].startswith("logs-")
    assert first["tags"] == {"cost": "x", "a": "b"}
    assert group.check(first, {}, NamingRequest("logs", b"2"))[0]["name"] == first["name"]


def replaced(token: str, old: Object, new: Object) -> list[str]:
    return Changer(resource(token)).compare(old, new).replaces


def test_what_no_call_changes_is_replaced() -> None:
    token = "aws:ec2/vpc:Vpc"
    assert replaced(token, {"cidrBlock": "10.0.0.0/16"}, {"cidrBlock": "10.1.0.0/16"}) == ["cidrBlock"]
    assert replaced(token, {"enableDnsSupport": True}, {"enableDnsSupport": False}) == []


def test_two_of_the_same_name_do_not_stand_side_by_side() -> None:
    role = Changer(resource("aws:iam/role:Role"))
    old = {"name": "r", "path": "/a/", "assumeRolePolicy": "{}"}
    assert role.compare(old, {**old, "path": "/b/"}).delete_first
    assert not role.compare(old, {**old, "name": "s"}).delete_first


def test_what_would_stay_behind_silently_is_an_error() -> None:
    database = Changer(resource("aws:rds/instance:Instance"))
    with pytest.raises(PluginError, match="backupRetentionPeriod"):
        database.compare({"backupRetentionPeriod": 7}, {})


def test_an_unknown_argument_of_the_provider_is_named() -> None:
    assert [key for key, _ in check({"region": "eu-west-1", "assumeRoles": []})] == ["assumeRoles"]


def test_settings_show_no_credentials() -> None:
    assert "hush" not in repr(Settings.of({"secretKey": "hush", "accessKey": "hush"}))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (["a", "b"], ["b", "a"]),
        ('{"Action": ["a"]}', '{"Action": "a"}'),
        ({"a": 1}, {"a": "1", "b": 2}),
        ("arn:aws:kms:eu-west-1:1:key/k", "k"),
        ("name.example.", "name.example"),
        (True, "true"),
    ],
)
def test_two_ways_to_say_the_same(left: object, right: object) -> None:
    assert same(left, right)


@pytest.mark.parametrize(("left", "right"), [(["a"], ["a", "b"]), ({"a": 1}, {"a": 2}), ("x", "y"), (True, False)])
def test_two_that_differ(left: object, right: object) -> None:
    assert not same(left, right)


_VALUES = st.recursive(
    st.one_of(st.integers(0, 3), st.text("ab", max_size=2), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text("xy", max_size=2), inner, max_size=3)),
    max_leaves=8,
)


@given(_VALUES)
def test_everything_is_the_same_as_itself(value: object) -> None:
    assert same(value, value)


def test_a_tag_more_is_drift_and_a_secret_stays_one() -> None:
    assert seen({"tags": {"a": "b"}}, {"tags": {"a": "b", "c": "d"}}) == {"tags": {"a": "b", "c": "d"}}
    assert seen({"password": Secret("x")}, {"password": "y"}) == {"password": Secret("y")}
