"""An `up` that is killed in the middle is finished by the next, with nothing doubled."""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from local.aws_plugin.journal import VARIABLE, Journal
from local.aws_plugin.recovery import Finder
from local.engine.recovery import mend_files, settle, was_interrupted
from local.rehearsal.stage import finder
from tests.engine.aws.bench import STACK, Bench, bench
from tests.engine.aws.killing import kill_at
from tests.engine.aws.programs import many

pytestmark = pytest.mark.engine

_UP = """
import sys
from pathlib import Path
from local.engine.workspace import Engine
from local.paths import Paths
from tests.engine.aws.bench import plugin
from tests.engine.aws.killing import kill_at
from tests.engine.aws.programs import many
folder = Path(sys.argv[1])
engine = Engine(pulumi=Path(sys.argv[2]), paths=Paths(cache=folder, data=folder), plugin=None, more=(plugin(),))
engine.stack("dev", many).up()
"""


def go_on(aws: Bench) -> None:
    """As `groundwork up` does: mend the files, settle what was under way, and run again."""
    mend_files(aws.engine.backend, STACK, print)
    stack = aws.stack(many)
    if was_interrupted(aws.engine.backend, STACK):
        settle(stack, finder(Finder(Journal(Path(os.environ[VARIABLE])))), print)
    stack.up(refresh=True)


def kinds(rows: set[str]) -> Counter[str]:
    """How many of each kind an inventory has; names differ from run to run."""
    return Counter(row.partition(": ")[0] for row in rows)


@pytest.fixture(scope="module")
def undisturbed(aws: Bench) -> Counter[str]:
    """What the program makes when nobody is killed."""
    before = aws.account.inventory()
    try:
        go_on(aws)
        return kinds(aws.account.inventory() - before)
    finally:
        aws.stack(many).destroy()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 10))])
def test_nothing_is_doubled(seed: int, aws: Bench, undisturbed: Counter[str]) -> None:
    before = aws.account.inventory()
    count = random.Random(seed).randint(1, 13)  # noqa: S311 - a place to stop at, no secret
    assert kill_at(_UP, [str(aws.folder), str(aws.engine.pulumi)], aws.folder / "journal", count), "it ended before"
    try:
        go_on(aws)
        assert kinds(aws.account.inventory() - before) == undisturbed
    finally:
        aws.stack(many).destroy()
    assert aws.account.inventory() == before


def test_a_gateway_that_was_made_and_not_attached_is_ended_and_made_again(
    aws: Bench, undisturbed: Counter[str]
) -> None:
    """As a kill between the two leaves it."""
    before, account = aws.account.inventory(), aws.account.account()
    try:
        go_on(aws)
        (gateway,) = account.call("ec2", "DescribeInternetGateways", {})["InternetGateways"]
        name, vpc = gateway["InternetGatewayId"], gateway["Attachments"][0]["VpcId"]
        account.call("ec2", "DetachInternetGateway", {"InternetGatewayId": name, "VpcId": vpc})
        go_on(aws)
        (again,) = account.call("ec2", "DescribeInternetGateways", {})["InternetGateways"]
        assert again["InternetGatewayId"] != name
        assert [each["VpcId"] for each in again["Attachments"]] == [vpc]
        assert kinds(aws.account.inventory() - before) == undisturbed
    finally:
        aws.stack(many).destroy()


@pytest.fixture(scope="module")
def aws():  # type: ignore[no-untyped-def]  # noqa: ANN201 - a generator that pytest reads
    with bench() as made:
        yield made
