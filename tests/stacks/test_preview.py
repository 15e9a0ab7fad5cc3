"""`groundwork preview` of an environment in AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from groundwork.console import progress
from groundwork.errors import UserError
from local.paths import Paths
from local.up import up
from stacks.preview import run

CHECKOUT = Path(__file__).parents[2]


def test_it_runs_with_no_account_engine_or_home_of_a_user(tmp_path: Path) -> None:
    """As in a fresh checkout: none of the variables by which a machine is recognised."""
    kept = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GROUNDWORK_HOME": str(tmp_path / "none")}
    file = tmp_path / "graph.json"
    command = [sys.executable, "-m", "groundwork", "preview", "ecs", "--graph", str(file)]
    done = subprocess.run(command, cwd=CHECKOUT, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    resources = json.loads(file.read_text("utf-8"))["resources"]
    assert f"{len(resources)} resources: {len(resources)} create" in done.stdout
    assert "network" in done.stdout
    assert {"urn", "type", "parent", "inputs", "dependencies"} <= resources[0].keys()


def test_a_change_of_settings_is_named_by_resource_and_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(CHECKOUT / "tenants", tmp_path / "tenants")
    file = tmp_path / "Pulumi.ecs.yaml"
    text = (CHECKOUT / file.name).read_text("utf-8")
    file.write_text(text)
    before = tmp_path / "before.json"
    run("ecs", against=None, to=before, as_json=True, folder=tmp_path)
    capsys.readouterr()
    file.write_text(text.replace("rate: 5000", "rate: 6000"))
    run("ecs", against=before, to=tmp_path / "after.json", as_json=True, folder=tmp_path)
    steps = json.loads(capsys.readouterr().out)["steps"]
    (changed,) = [step for step in steps if step["change"] != "same"]
    assert changed["urn"].endswith("::edge-firewall")
    assert (changed["change"], changed["keys"]) == ("update", ["rules"])


@pytest.mark.parametrize("content", ["", "[]", '{"version": 9}'])
def test_what_is_no_graph_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "graph.json"
    file.write_text(content)
    with pytest.raises(UserError, match="is no graph"):
        run("ecs", against=file, to=tmp_path / "new.json", as_json=True)


def test_a_node_of_this_machine_is_never_taken_for_an_environment_in_aws(tmp_path: Path) -> None:
    paths = Paths(cache=tmp_path / "cache", data=tmp_path / "data")
    with pytest.raises(UserError, match="'prod' is in AWS"):
        up("prod", paths, progress(), kubeconfig=None, simulated=True)
    assert not paths.data.exists()
