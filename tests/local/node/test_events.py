from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundwork.console import Step
from groundwork.errors import ExitCode
from local.node.events import error_of, follow, parse

PLAYBOOK = "local_node.yml"


def line(**event: object) -> str:
    return json.dumps(event) + "\n"


def test_progress_shows_the_task_without_its_role() -> None:
    step = Step("Node")
    follow([line(event="task", name="node_pki : Make or renew certificates and keys")], step)
    assert step.detail == "Make or renew certificates and keys"


def test_changed_tasks_are_listed_in_order() -> None:
    run = follow([line(event="changed", name="a : one"), line(event="changed", name="b : two"), line(event="end")])
    assert run.changed == ["one", "two"]
    assert error_of(run, 0, PLAYBOOK) is None


def test_a_failed_task_becomes_an_error_with_its_place_and_its_fix() -> None:
    failed = line(
        event="failed", name="r : Write", msg="No space left on device", where="/etc/groundwork", fix="free it"
    )
    error = error_of(follow([failed, line(event="end")]), 2, PLAYBOOK)
    assert error is not None
    assert (error.what, error.where, error.fix) == ("Write: No space left on device", "/etc/groundwork", "free it")
    assert error.code is ExitCode.ERROR


def test_the_first_failure_is_the_one_that_counts() -> None:
    run = follow([line(event="failed", name="a", msg="cause"), line(event="failed", name="b", msg="consequence")])
    error = error_of(run, 2, PLAYBOOK)
    assert error is not None
    assert "cause" in error.what


@pytest.mark.parametrize(
    ("lines", "status"), [(["ERROR! no such role\n"], 4), ([line(event="task", name="x")], -9), ([], 0)]
)
def test_a_run_without_its_end_is_an_error_that_shows_what_was_said(lines: list[str], status: int) -> None:
    error = error_of(follow(lines), status, PLAYBOOK)
    assert error is not None
    assert error.where == PLAYBOOK
    assert all(text.strip() in error.what for text in lines if "event" not in text)


def test_a_status_other_than_zero_is_an_error_even_after_the_end() -> None:
    assert error_of(follow([line(event="end")]), 1, PLAYBOOK) is not None


@given(st.lists(st.text()))
def test_no_output_whatever_stops_the_reader(lines: list[str]) -> None:
    run = follow(lines)
    assert len(run.noise) <= 30


@pytest.mark.parametrize("text", ["", "[]", "3", "null", '{"no": "event"}', '{"event": 7}', "{"])
def test_what_is_no_event_is_told_apart(text: str) -> None:
    assert parse(text) is None
