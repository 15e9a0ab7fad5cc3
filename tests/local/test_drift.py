"""Drift of environments in AWS, as Pulumi's own command tells it. That of this machine: tests/cluster/test_drift.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from groundwork.cli import app
from groundwork.errors import ExitCode, UserError
from local.drift import Drift, asked_of_pulumi

# As Pulumi 3.259 writes it of a stack whose quota was changed by hand (29 November 2026), shortened.
CHANGED = """\
 ~  kubernetes:core/v1:ResourceQuota globex refreshing
 ~  kubernetes:apps/v1:Deployment globex-analyst refreshing
 ~  kubernetes:core/v1:ResourceQuota globex update [diff: ~spec]
    kubernetes:networking.istio.io/v1:VirtualService globex-analyst
 ~  kubernetes:core/v1:Service globex-analyst refreshing [1/3] Finding Pods to direct traffic to
    kubernetes:apps/v1:Deployment globex-analyst  Deployment initialization complete
Resources:
    ~ 1 to update
    27 unchanged

error: no changes were expected for refresh but changes were proposed
"""


def pulumi(folder: Path, *, says: str, code: int) -> None:
    (folder / "said").write_text(says, "utf-8")
    program = folder / "pulumi"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/asked\ncat {folder}/said\nexit {code}\n', "utf-8")
    program.chmod(0o755)


@pytest.fixture(autouse=True)
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def test_nothing_changed_is_no_drift(tmp_path: Path) -> None:
    pulumi(tmp_path, says="", code=0)
    assert asked_of_pulumi("prod") == Drift(stack="prod", differs=[])
    asked = (tmp_path / "asked").read_text("utf-8")
    assert "refresh --preview-only --expect-no-changes" in asked
    assert asked.endswith("--stack prod\n")


def test_what_changed_is_named(tmp_path: Path) -> None:
    pulumi(tmp_path, says=CHANGED, code=255)
    assert asked_of_pulumi("prod").differs == ["~ kubernetes:core/v1:ResourceQuota globex update [diff: ~spec]"]


def test_what_fails_otherwise_is_no_drift(tmp_path: Path) -> None:
    pulumi(tmp_path, says="error: no stack named 'prod' found", code=255)
    with pytest.raises(UserError, match="no stack named") as raised:
        asked_of_pulumi("prod")
    assert raised.value.code is ExitCode.ERROR


def test_without_pulumi_nothing_is_said_to_be_as_it_was() -> None:
    with pytest.raises(UserError, match="no `pulumi` is on PATH"):
        asked_of_pulumi("prod")


def test_every_stack_of_the_environment_is_asked_and_drift_fails(tmp_path: Path) -> None:
    pulumi(tmp_path, says=CHANGED, code=255)
    done = CliRunner().invoke(app, ["drift", "prod"])
    assert done.exit_code == ExitCode.FAIL
    stacks = {line.split()[-1] for line in (tmp_path / "asked").read_text("utf-8").splitlines()}
    assert {"prod", "prod.secrets", "prod.observability", "prod.acme", "prod.globex"} <= stacks
