"""The pipelines only call `groundwork` and `make`, with the least that they need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from groundwork.cli import app

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
OURS = re.compile(r"(groundwork|make) [^;&|`$\n]*(\"\$[A-Z]+\"[^;&|`$\n]*)*")


def read(file: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 takes its `on` for true."""
    found: dict[Any, Any] = yaml.safe_load(file.read_text("utf-8"))
    return {("on" if key is True else key): value for key, value in found.items()}


def jobs(file: Path) -> Iterator[dict[str, Any]]:
    yield from read(file)["jobs"].values()


def steps(file: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(file):
        yield from job["steps"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_least_privilege(file: Path) -> None:
    workflow = read(file)
    assert workflow["permissions"] == {}, "nothing, unless a job says so"
    assert "pull_request_target" not in workflow["on"], "it would run a stranger's code with our rights"
    assert workflow["concurrency"]["group"]
    for job in jobs(file):
        assert job["timeout-minutes"] <= 90
        assert set(job["permissions"].items()) <= {("contents", "read"), ("id-token", "write")}
        assert "secrets" not in str(job), "credentials come by OIDC"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_actions_are_pinned_by_commit_with_their_version_beside(file: Path) -> None:
    lines = [line for line in file.read_text("utf-8").splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
    for step in steps(file):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_they_only_call_what_any_other_pipeline_can(file: Path) -> None:
    """No shell of their own, and nothing of the event is put into a command's text."""
    commands = [step["run"] for step in steps(file) if "run" in step]
    assert commands
    for command in commands:
        assert OURS.fullmatch(command), command
        assert "${{" not in command


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_verbs_exist(file: Path) -> None:
    """Each is parsed by the command line itself, up to running it."""
    for step in steps(file):
        words = re.sub(r'"\$[A-Z]+"', "name", step.get("run", "")).split()
        if not words or words[0] != "groundwork":
            continue
        command, arguments = get_command(app), words[1:]
        while hasattr(command, "commands"):
            command = command.commands[arguments[0]]
            arguments = arguments[1:]
        command.make_context("check", arguments)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_runs_on_named_machines(file: Path) -> None:
    for job in jobs(file):
        assert job["runs-on"] in ("ubuntu-24.04", ["self-hosted", "groundwork"])
