"""Tenants' lives on the real engine and a control plane with a simulated node: none touches another."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.paths import Paths
from tests.command import copy_of_checkout, groundwork, kill_group, start, succeeded
from tests.snapshot import Key, objects, settled, touched

pytestmark = pytest.mark.engine

PORTS = 27820


class World:
    """A data folder and a checkout of its own, with an environment of two tenants up."""

    def __init__(self, folder: Path) -> None:
        self.variables = {"GROUNDWORK_HOME": str(folder / "h"), "GROUNDWORK_SIMULATED_PORTS": str(PORTS)}
        self.home = folder / "h"
        self.checkout = copy_of_checkout(folder / "c")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return groundwork(*arguments, checkout=self.checkout, variables=self.variables)

    def tenant(self, *arguments: str) -> dict[str, object]:
        answer: dict[str, object] = json.loads(succeeded(self.run("tenant", *arguments, "--json")))
        return answer

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return start(*arguments, checkout=self.checkout, variables=self.variables)

    def states(self) -> dict[str, str]:
        rows = json.loads(succeeded(self.run("tenant", "list", "--json")))
        return {row["tenant"]: row["state"] for row in rows}

    def kubectl(self, *arguments: str) -> str:
        program = Paths.for_user().toolchain / "bin" / "kubectl"
        command = [str(program), "--kubeconfig", str(self.home / "kubeconfig"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def objects(self) -> dict[Key, str]:
        return objects(self.kubectl)

    def namespaces(self) -> set[str]:
        return set(self.kubectl("get", "namespaces", "-o", "jsonpath={.items[*].metadata.name}").split())

    def traces(self, tenant: str) -> list[str]:
        """All that says the tenant's name: objects, files of the state, of the checkout and of the project's copy."""
        found = [str(key) for key in self.objects() if tenant in (key[1], key[2]) or key[2] == f"tenant-{tenant}"]
        for folder in (self.home / "state", self.home / "project", self.checkout / "tenants"):
            found += [str(file) for file in folder.rglob(f"*{tenant}*")]
        return found + [str(file) for file in self.checkout.glob(f"Pulumi.*{tenant}*")]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    # Below /tmp and short: a unix socket's path has a limit that pytest's own folders may exceed.
    folder = Path(tempfile.mkdtemp(prefix="gwt"))
    made = World(folder)
    try:
        succeeded(made.run("up", "local", "--simulated", "--json"))
        yield made
    finally:
        succeeded(made.run("down", "--yes"))
        shutil.rmtree(folder)


def test_two_tenants_added_at_once_are_both_there_and_no_other_is_touched(world: World) -> None:
    before = settled(world.kubectl)
    processes = [world.start("tenant", "add", name, "--json") for name in ("initech", "hooli")]
    for process in processes:
        _, said = process.communicate()
        assert process.returncode == 0, said
    assert {"initech", "hooli"} <= world.namespaces()
    assert touched(before, world.objects(), "initech", "hooli") == {}


@pytest.mark.long
def test_what_is_there_already_is_left_as_it_is(world: World) -> None:
    world.tenant("add", "initech")
    assert world.tenant("add", "initech")["changed"] == 0


@pytest.mark.long
def test_a_changed_tenant_touches_no_other(world: World) -> None:
    world.tenant("add", "initech")
    before = settled(world.kubectl)
    file = world.checkout / "tenants" / "initech" / "tenant.yaml"
    file.write_text(file.read_text("utf-8") + "limits: {requestsPerSecond: 3}\n")
    changed = json.loads(succeeded(world.run("up", "local.initech", "--json")))["changed"]
    assert changed > 0
    assert touched(before, world.objects(), "initech") == {}
    limit = world.kubectl("get", "gwt", "initech", "-n", "initech", "-o", "jsonpath={.spec.rateLimit}")
    assert json.loads(limit) == {"requestsPerSecond": 3}


def test_suspended_is_without_pods_and_resumed_is_as_before(world: World) -> None:
    world.tenant("add", "initech")
    before = settled(world.kubectl)
    world.tenant("suspend", "initech", "--reason", "invoice 17")
    assert world.states()["initech"] == "suspended"
    reason = world.kubectl("get", "gwt", "initech", "-n", "initech", "-o", "jsonpath={.spec.suspended.reason}")
    assert reason == "invoice 17"
    assert world.kubectl("get", "hpa", "-n", "initech", "-o", "name") == ""
    replicas = world.kubectl("get", "deploy", "-n", "initech", "-o", "jsonpath={.items[*].spec.replicas}")
    assert replicas == "0"
    assert touched(before, world.objects(), "initech") == {}
    assert world.tenant("suspend", "initech", "--reason", "invoice 17")["changed"] == 0
    world.tenant("resume", "initech")
    assert world.states()["initech"] == "up"
    world.kubectl("wait", "--for=condition=Available", "deployment", "--all", "-n", "initech", "--timeout=180s")
    assert not (world.checkout / "Pulumi.local.initech.yaml").exists()


@pytest.mark.long
def test_an_exported_tenant_comes_back_and_as_another(world: World, tmp_path: Path) -> None:
    world.tenant("add", "piper", "--set", "suspended=begun", "--set", "flags={beta: true}")
    first, second = tmp_path / "piper.tar.gz", tmp_path / "again.tar.gz"
    world.tenant("export", "piper", "-o", str(first))
    world.tenant("import", str(first), "--as", "copied")
    copied = json.loads(world.kubectl("get", "gwt", "copied", "-n", "copied", "-o", "json"))["spec"]
    assert (copied["flags"], copied.get("suspended")) == ({"beta": True}, None)
    world.tenant("delete", "piper", "--yes")
    world.tenant("import", str(first))
    assert world.states()["piper"] == "suspended"
    world.tenant("export", "piper", "-o", str(second))
    assert world.tenant("import", str(second))["changed"] == 0
    world.tenant("delete", "copied", "--yes")
    refused = world.run("tenant", "import", str(first), "--as", "acme")
    assert refused.returncode == 2
    assert "is another" in refused.stderr


def test_a_deleted_tenant_leaves_nothing_and_touches_no_other(world: World) -> None:
    world.tenant("add", "gavin")
    world.kubectl("create", "configmap", "made-by-hand", "-n", "gavin")
    before = settled(world.kubectl)
    assert world.traces("gavin")
    world.tenant("delete", "gavin", "--yes")
    assert world.traces("gavin") == []
    assert touched(before, world.objects(), "gavin") == {}
    again = world.run("tenant", "delete", "gavin", "--yes")
    assert again.returncode == 2
    assert "there is no tenant 'gavin'" in again.stderr


@pytest.mark.long
def test_a_delete_that_was_killed_is_finished_by_the_next(world: World) -> None:
    world.tenant("add", "richard")
    process = world.start("tenant", "delete", "richard", "--yes")
    while process.poll() is None and world.kubectl("get", "deploy", "-n", "richard", "-o", "name"):
        pass
    kill_group(process)
    world.tenant("delete", "richard", "--yes")
    assert world.traces("richard") == []


@pytest.mark.long
def test_an_add_that_was_killed_is_finished_by_the_next(world: World) -> None:
    process = world.start("tenant", "add", "erlich", "--json")
    while process.poll() is None and "erlich" not in world.namespaces():
        pass
    kill_group(process)
    world.tenant("add", "erlich")
    assert json.loads(succeeded(world.run("preview", "local.erlich", "--json")))["changed"] == 0


def test_deleting_asks_and_refuses_what_the_settings_list(world: World) -> None:
    asked = world.run("tenant", "delete", "initech")
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    listed = world.run("tenant", "delete", "acme", "--yes")
    assert listed.returncode == 2
    assert "groundwork:tenants" in listed.stderr
    assert "acme" in world.namespaces()


@pytest.mark.long
def test_an_up_of_the_environment_keeps_added_tenants(world: World) -> None:
    world.tenant("add", "initech")
    outcome = json.loads(succeeded(world.run("up", "local", "--json")))
    assert "local.initech" in outcome["stacks"]
    assert outcome["changed"] == 0
    assert json.loads(succeeded(world.run("preview", "local", "--json")))["changed"] == 0
