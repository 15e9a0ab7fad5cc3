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
# Workflows of which a job may write, and what.
WRITES = {
    "pull-request": {("pull-requests", "write")},
    "digests": {("contents", "write"), ("pull-requests", "write")},
}
OURS = re.compile(r"(groundwork|make) [^;&|`$\n]*(\"\$[A-Z]+\"[^;&|`$\n]*)*")


def read(file: Path) -> dict[str, Any]:
    """A workflow; YAML 1.1 takes its `on` for true."""
    found: dict[Any, Any] = yaml.safe_load(file.read_text("utf-8"))
    return {("on" if key is True else key): value for key, value in found.items()}


def jobs(file: Path) -> Iterator[dict[str, Any]]:
    yield from read(file)["jobs"].values()


def steps(file: Path) -> Iterator[dict[str, Any]]:
    """None where a job is another workflow of ours."""
    for job in jobs(file):
        yield from job.get("steps", ())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_least_privilege(file: Path) -> None:
    workflow = read(file)
    assert workflow["permissions"] == {}, "nothing, unless a job says so"
    assert "pull_request_target" not in workflow["on"], "it would run a stranger's code with our rights"
    assert workflow["concurrency"]["group"]
    for job in jobs(file):
        assert "uses" in job or job["timeout-minutes"] <= 90
        assert "secrets" not in str(job), "credentials come by OIDC"
        if set(job["permissions"].items()) <= {("contents", "read"), ("id-token", "write")}:
            continue
        assert set(job["permissions"].items()) <= WRITES[file.stem]
        assert "id-token" not in job["permissions"], "what writes here writes nowhere else"


def test_what_may_write_to_a_pull_request_runs_nothing_of_it() -> None:
    job = read(FOLDER / "pull-request.yml")["jobs"]["comment"]
    assert job["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    assert [step for step in job["steps"] if "run" in step or "checkout" in step["uses"]] == []


def test_every_environment_is_rehearsed_and_looked_after() -> None:
    environments = sorted(file.name.split(".")[1] for file in FOLDER.parents[1].glob("Pulumi.*.yaml"))
    environments.remove("local")
    for workflow, job in (("pull-request", "rehearsal"), ("drift", "drift")):
        assert (
            sorted(read(FOLDER / f"{workflow}.yml")["jobs"][job]["strategy"]["matrix"]["environment"]) == environments
        )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_actions_are_pinned_by_commit_with_their_version_beside(file: Path) -> None:
    lines = [line for line in file.read_text("utf-8").splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        if "uses: ./.github/workflows/" in line:
            continue  # of the same commit
        assert re.search(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
    for step in steps(file):
        if "checkout" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_they_only_call_what_any_other_pipeline_can(file: Path) -> None:
    """No shell of their own, and nothing of the event is put into a command's text."""
    commands = [step["run"] for step in steps(file) if "run" in step]
    assert commands or all("uses" in job for job in jobs(file))
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
        if "uses" in job:
            assert (FOLDER.parents[1] / job["uses"]).is_file()
            continue
        assert job["runs-on"] in ("ubuntu-24.04", ["self-hosted", "groundwork"])
