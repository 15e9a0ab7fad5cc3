"""What a change of settings does to an environment, told for people."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from groundwork.console import PlainProgress
from groundwork.errors import UserError
from local.paths import CHECKOUT
from stacks import changes
from stacks.changes import Difference, difference, differences, markdown, stacks_of
from stacks.preview import Change, Step

URN = "urn:pulumi:ecs::groundwork::groundwork:cost:MonthlyBudget$aws:budgets/budget:Budget::budget"


def copied(to: Path, *, dollars: int) -> Path:
    """A checkout whose environment `ecs` has another budget, and no `dev` any more."""
    for file in CHECKOUT.glob("Pulumi.*.yaml"):
        shutil.copy(file, to)
    (to / "Pulumi.dev.yaml").unlink()
    for folder in ("tenants", "images"):
        (to / folder).symlink_to(CHECKOUT / folder)
    settings = to / "Pulumi.ecs.yaml"
    settings.write_text(settings.read_text("utf-8").replace("{dollars: 6000,", f"{{dollars: {dollars},"), "utf-8")
    return to


def test_a_changed_setting_is_one_changed_resource(tmp_path: Path) -> None:
    found = difference("ecs", CHECKOUT, copied(tmp_path, dollars=7000))
    assert found.steps == [Step(change=Change.UPDATE, urn=URN, keys=("limitAmount",))]
    assert found.same > 200


def test_a_stack_that_is_gone_is_deleted_whole(tmp_path: Path) -> None:
    found = difference("dev.acme", CHECKOUT, copied(tmp_path, dollars=7000))
    assert {step.change for step in found.steps} == {Change.DELETE}
    assert found.same == 0


def test_every_stack_in_aws_is_looked_at() -> None:
    stacks = list(stacks_of(CHECKOUT))
    assert {"dev", "ecs", "ecs.acme", "prod", "prod.secrets", "staging.observability"} <= set(stacks)
    assert not [stack for stack in stacks if stack.startswith("local")]


def test_a_commit_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="no-such-commit"):
        differences("no-such-commit", PlainProgress())


def test_people_see_a_table_and_each_change() -> None:
    steps = [Step(change=Change.UPDATE, urn=URN, keys=("limitAmount",))]
    text = markdown("main", [Difference(stack="ecs", steps=steps, same=212)])
    assert "| ecs | 0 | 1 | 0 | 212 |" in text
    assert "update  groundwork:cost:MonthlyBudget$aws:budgets/budget:Budget::budget limitAmount" in text
    assert "Nothing" not in text


def test_nothing_is_said_to_be_nothing() -> None:
    assert "Nothing, in none of 1 stacks" in markdown("main", [Difference(stack="ecs", steps=[], same=212)])


def test_a_comment_has_room_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_LINES", 3)
    made = [Step(change=Change.CREATE, urn=f"{URN}{number}") for number in range(5)]
    text = markdown("main", [Difference(stack=stack, steps=made, same=0) for stack in ("a", "b")])
    assert text.count("create  ") == 3
    assert "and 2 more: groundwork changes --base main" in text
    assert "and 5 more" in text
