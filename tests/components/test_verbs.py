from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from components.agents.manifest import json_schema, load_manifest
from components.agents.verbs import register
from groundwork.errors import ExitCode, UserError
from tests.components.samples import FULL

app = typer.Typer()
register(app)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["agent", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def tenant(tenants: Path) -> Path:
    """A tenant's folder of manifests."""
    agents = tenants / "acme" / "agents"
    agents.mkdir(parents=True)
    (tenants / "acme" / "tenant.yaml").write_text("name: acme\ncostCentre: hotels\n")
    return agents


def test_good_manifests_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(FULL)
    assert run("validate", str(tmp_path / "a.yaml")) == f"{tmp_path}/a.yaml: agent concierge, tier standard\n"


def test_the_problems_of_all_files_are_shown_and_the_exit_code_is_2(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(FULL.replace("tier:", "teir:"))
    with pytest.raises(UserError) as caught:
        run("validate", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"))
    assert caught.value.code is ExitCode.USAGE
    assert "2 problems" in str(caught.value)
    assert f"{tmp_path}/a.yaml:6:3: spec.teir: unknown key" in str(caught.value)
    assert f"{tmp_path}/b.yaml:6:3: spec.teir: unknown key" in str(caught.value)


def test_the_schema_is_printed() -> None:
    assert json.loads(run("schema")) == json_schema()


@pytest.mark.parametrize("template", ["echo", "openai"])
def test_a_new_agent_is_valid_and_listed(tmp_path: Path, template: str) -> None:
    agents = tenant(tmp_path)
    run("new", "greeter", "--tenant", "acme", "--template", template, "--folder", str(tmp_path))
    assert load_manifest(agents / "greeter.yaml").name == "greeter"
    (row,) = json.loads(run("list", str(tmp_path), "--json"))
    assert (row["agent"], row["model"].split("/")[0]) == ("greeter", template)
    assert "greeter" in run("list", str(tmp_path))


def test_a_manifest_is_never_overwritten(tmp_path: Path) -> None:
    file = tenant(tmp_path) / "greeter.yaml"
    file.write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        run("new", "greeter", "--tenant", "acme", "--folder", str(tmp_path))
    assert file.read_text() == "mine"


def test_a_name_that_is_none_and_a_folder_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not a name"):
        run("new", "../Greeter", "--tenant", "acme", "--folder", str(tmp_path))
    with pytest.raises(UserError, match="there is no tenant 'acme'"):
        run("new", "greeter", "--tenant", "acme", "--folder", str(tmp_path))
    with pytest.raises(UserError, match="no such folder"):
        run("list", str(tmp_path / "absent"))
