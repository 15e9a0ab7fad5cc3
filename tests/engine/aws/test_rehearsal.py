"""What a rehearsal refuses, on an emulated account; and an environment of each runtime rehearsed whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import yaml

from local.engine.operation import Operation, StackOutcome
from local.paths import CHECKOUT
from local.rehearsal.account import EmulatedAccount, emulated, variables
from local.rehearsal.rehearse import Report, go_through
from tests.command import copy_of_checkout, groundwork, succeeded
from tests.engine.aws.bench import ACCOUNT, REGION

pytestmark = pytest.mark.engine

GROUP, DAYS, COPIES = "of-the-program", 30, "eu-central-1"


@dataclass
class Hand:
    """In the engine's place: it makes one group of logs in two regions, and does wrong what it is told to."""

    account: EmulatedAccount
    makes: bool = True
    previewed: int = 0
    mends: bool = True
    counted: int = 1
    leaves: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    made: bool = False
    agents: tuple[str, ...] = ()
    ran: list[str] = field(default_factory=list)

    def run_all(self, operation: Operation, stacks: Iterable[str]) -> list[StackOutcome]:
        return [self.run(operation, stack) for stack in stacks]

    def run(self, operation: Operation, stack: str) -> StackOutcome:
        self.ran.append(f"{operation} {stack}")
        if "." in stack:
            rows = {agent: {"state": "up"} for agent in self.agents} if operation is Operation.UP else {}
            return StackOutcome(stack=stack, outputs={"agents": rows}, changed=0, summary="", seconds=0)
        changed = {Operation.UP: self._up, Operation.PREVIEW: lambda: self.previewed, Operation.DESTROY: self._destroy}
        return StackOutcome(stack=stack, outputs={}, changed=changed[operation](), summary="", seconds=0)

    def _up(self) -> int:
        if self.made:
            if self.mends:
                self._keep(REGION)
            return self.counted
        if self.makes:
            for region in (REGION, COPIES):
                self.account.account(region).call("logs", "CreateLogGroup", {"logGroupName": GROUP})
                self._keep(region)
        self.made = True
        return 2

    def _keep(self, region: str) -> None:
        asked = {"logGroupName": GROUP, "retentionInDays": DAYS}
        self.account.account(region).call("logs", "PutRetentionPolicy", asked)

    def _destroy(self) -> int:
        for region in (REGION, COPIES) if self.makes else ():
            if region not in self.leaves:
                self.account.account(region).call("logs", "DeleteLogGroup", {"logGroupName": GROUP})
        return 2


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedAccount]:
    log: Path = tmp_path_factory.mktemp("account") / "log"
    with emulated(ACCOUNT, REGION, log, (COPIES,)) as made, variables(made.variables):
        yield made


@pytest.fixture(scope="module")
def logs(account: EmulatedAccount) -> EmulatedAccount:
    """The same, of which only the groups of logs are counted: all that the hand makes, and a second in place of ten."""
    return replace(account, apis=frozenset({"logs"}))


def problems(hand: Hand, *tenants: str) -> list[str]:
    report = Report("dev", tenants)
    go_through(hand, hand.account, None, report, lambda: list(hand.refused))
    for region in hand.leaves:
        hand.account.account(region).call("logs", "DeleteLogGroup", {"logGroupName": GROUP})
    assert report.as_json["verdict"] == ("fail" if report.problems else "pass")
    return report.problems


def test_nothing_is_wrong_where_all_holds(account: EmulatedAccount) -> None:
    assert problems(Hand(account)) == []


def test_a_program_that_makes_nothing_fails(logs: EmulatedAccount) -> None:
    assert problems(Hand(logs, makes=False)) == [
        "nothing was made in the account",
        "there is no group of logs to change by hand",
    ]


def test_a_preview_that_shows_changes_fails(logs: EmulatedAccount) -> None:
    assert problems(Hand(logs, previewed=2)) == ["a preview of dev, which is up, shows 2 changes"]


def test_drift_that_is_not_mended_fails(logs: EmulatedAccount) -> None:
    assert problems(Hand(logs, mends=False, counted=0)) == [
        "one resource was changed by hand, and up made 0 changes",
        f"what was changed by hand is not mended: {GROUP}",
    ]


def test_an_up_that_changes_more_than_drifted_fails(logs: EmulatedAccount) -> None:
    assert problems(Hand(logs, counted=3)) == ["one resource was changed by hand, and up made 3 changes"]


def test_what_the_policies_refuse_fails(logs: EmulatedAccount) -> None:
    assert problems(Hand(logs, refused=("a bucket is public",))) == ["a bucket is public"]


@pytest.mark.parametrize("region", [REGION, COPIES])
def test_what_destroy_leaves_is_named_in_whatever_region(logs: EmulatedAccount, region: str) -> None:
    assert problems(Hand(logs, leaves=(region,))) == [f"destroy leaves {region} logs LogGroups: {GROUP}"]


def test_tenants_come_after_their_environment_and_go_before_it(logs: EmulatedAccount) -> None:
    hand = Hand(logs)
    assert problems(hand, "acme", "globex") == []
    stacks = ["dev", "dev.acme", "dev.globex"]
    ups, previews = [f"up {stack}" for stack in stacks], [f"preview {stack}" for stack in stacks]
    assert hand.ran == [*ups, *previews, "up dev", "destroy dev.acme", "destroy dev.globex", "destroy dev"]


def test_layers_come_before_tenants_and_after_what_is_done_by_hand(logs: EmulatedAccount) -> None:
    hand = Hand(logs)
    report = Report("dev", ("acme",), ("secrets",))
    go_through(hand, hand.account, None, report, list, prepare=lambda: hand.ran.append("by hand"))
    assert report.problems == []
    assert hand.ran[:4] == ["up dev", "by hand", "up dev.secrets", "up dev.acme"]
    assert hand.ran[-3:] == ["destroy dev.acme", "destroy dev.secrets", "destroy dev"]


def test_an_agent_without_a_service_fails(logs: EmulatedAccount) -> None:
    assert problems(Hand(logs, agents=("acme/concierge",)), "acme") == ["agent has no service: acme/concierge"]


def with_database(checkout: Path) -> Path:
    """The same, in which an agent is given a user of the database."""
    file = checkout / "tenants" / "acme" / "agents" / "concierge.yaml"
    manifest = yaml.safe_load(file.read_text("utf-8"))
    manifest["spec"]["secrets"] = {"notes": {"database": "postgres"}}
    file.write_text(yaml.safe_dump(manifest), "utf-8")
    return checkout


AGENTS = {"acme": "acme/concierge", "globex": "globex/analyst"}
# Its tenants, how many resources it has at least, as a rehearsal of half an environment would pass too, and whether an
# agent is given a user of the database: so it is on one environment of each runtime. The longest is with the shortest:
# of two workers each takes the next two.
WHOLE = [
    ("prod", [*AGENTS], 560, False),
    ("ecs", [*AGENTS], 200, True),
    ("staging", [*AGENTS], 560, False),
    ("dev", ["acme"], 500, True),
]


@pytest.mark.rehearsal
@pytest.mark.parametrize(("environment", "tenants", "least", "database"), WHOLE)
def test_an_environment_is_rehearsed_whole(
    environment: str, tenants: list[str], least: int, database: bool, tmp_path: Path
) -> None:
    checkout = with_database(copy_of_checkout(tmp_path / "g")) if database else CHECKOUT
    seen = json.loads(succeeded(groundwork("rehearse", environment, "--json", checkout=checkout)))
    assert (seen["verdict"], seen["problems"]) == ("pass", [])
    resources = seen["resources"]
    layers = [] if environment == "ecs" else ["admission", "observability", "secrets"]
    assert {environment, *(f"{environment}.{part}" for part in (*layers, *tenants))} == set(resources)
    assert sum(resources.values()) > least
    assert sorted(seen["agents"]) == [AGENTS[tenant] for tenant in tenants]
    assert set(seen["seconds"]) == {"up", "policies", "preview", "destroy"}
