"""The life of resources on the real engine and an emulated account."""

from __future__ import annotations

from collections.abc import Iterator

import pulumi
import pytest
from pulumi.automation import CommandError

from tests.engine.aws.bench import Bench, bench
from tests.engine.aws.programs import network

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def aws() -> Iterator[Bench]:
    with bench() as made:
        before = made.account.inventory()
        yield made
        made.stack(network()).destroy()
        assert made.account.inventory() == before


def changes(found: object) -> dict[str, int]:
    return {str(getattr(key, "value", key)): count for key, count in dict(found).items()}  # type: ignore[call-overload]


def test_what_is_made_is_there_and_a_preview_shows_no_change(aws: Bench) -> None:
    done = aws.stack(network()).up()
    vpc = aws.account.account().call("ec2", "DescribeVpcs", {"VpcIds": [done.outputs["vpc"].value]})["Vpcs"][0]
    assert vpc["CidrBlock"] == "10.0.0.0/16"
    assert changes(aws.stack(network()).preview(refresh=True).change_summary) == {"same": 8}


def test_nothing_goes_out_of_a_new_security_group(aws: Bench) -> None:
    name = aws.stack(network()).outputs()["group"].value
    group = aws.account.account().call("ec2", "DescribeSecurityGroups", {"GroupIds": [name]})["SecurityGroups"][0]
    assert group["IpPermissionsEgress"] == []


def test_a_secret_stays_one_in_the_state(aws: Bench) -> None:
    state = next((aws.folder / "state").glob("**/stacks/**/dev.json")).read_text()
    assert "hush-hush-hush" not in state


def test_changes_are_made_in_place(aws: Bench) -> None:
    done = aws.stack(network(retention=30, tag="two")).up()
    assert changes(done.summary.resource_changes) == {"update": 2, "same": 6}
    name = done.outputs["logs"].value
    groups = aws.account.account().call("logs", "DescribeLogGroups", {"logGroupNamePrefix": name})["logGroups"]
    assert groups[0]["retentionInDays"] == 30


def test_drift_is_found_and_mended(aws: Bench) -> None:
    program = network(retention=30, tag="two")
    outputs, account = aws.stack(program).outputs(), aws.account.account()
    account.call("logs", "PutRetentionPolicy", {"logGroupName": outputs["logs"].value, "retentionInDays": 1})
    account.call("ec2", "CreateTags", {"Resources": [outputs["vpc"].value], "Tags": [{"Key": "by", "Value": "hand"}]})
    assert changes(aws.stack(program).preview(refresh=True).change_summary) == {"update": 2, "same": 6}
    aws.stack(program).up(refresh=True)
    groups = account.call("logs", "DescribeLogGroups", {"logGroupNamePrefix": outputs["logs"].value})["logGroups"]
    assert groups[0]["retentionInDays"] == 30


def test_what_cannot_change_is_replaced_with_what_hangs_on_it(aws: Bench) -> None:
    before = aws.stack(network()).outputs()["vpc"].value
    done = aws.stack(network(retention=30, tag="two", cidr="10.1.0.0/16")).up()
    assert changes(done.summary.resource_changes)["replace"] == 4
    assert done.outputs["vpc"].value != before


def test_a_resource_is_imported(aws: Bench) -> None:
    aws.account.account().call("logs", "CreateLogGroup", {"logGroupName": "by-hand"})

    def program() -> None:
        from pulumi_aws import cloudwatch

        cloudwatch.LogGroup("hand", name="by-hand", opts=pulumi.ResourceOptions(import_="by-hand"))

    done = aws.stack(program, "import").up()
    assert changes(done.summary.resource_changes)["import"] == 1
    aws.stack(program, "import").destroy()


def test_a_type_that_the_plugin_does_not_know_is_named(aws: Bench) -> None:
    def program() -> None:
        from pulumi_aws import glue

        glue.Job("d", role_arn="r", command=glue.JobCommandArgs(script_location="s"))

    with pytest.raises(CommandError, match="aws:glue/job:Job"):
        aws.stack(program, "unknown").preview()
