"""The whole of `up` without root or containers: the real engine, state and control plane, and a simulated node."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from groundwork.waiting import wait_until
from local.paths import Paths
from local.record import Way
from tests.command import groundwork, kill_group, start, succeeded, up
from tests.components.recording import at

pytestmark = pytest.mark.engine

TENANTS = ("acme", "globex")


class Home:
    """A user's data folder of its own, with what was brought up in it."""

    def __init__(self, folder: Path) -> None:
        self.variables = {"GROUNDWORK_HOME": str(folder)}
        self.folder = folder

    def up(self) -> dict[str, object]:
        return up("--simulated", variables=self.variables)

    def preview(self) -> int:
        """How many resources an `up` would change."""
        changed: int = json.loads(succeeded(groundwork("preview", "local", "--json", variables=self.variables)))[
            "changed"
        ]
        return changed

    def kubectl(self, *arguments: str) -> str:
        program = Paths.for_user().toolchain / "bin" / "kubectl"
        command = [str(program), "--kubeconfig", str(self.folder / "kubeconfig"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def items(self, *arguments: str) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self.kubectl("get", *arguments, "-o", "json"))["items"]
        return found


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    # Below /tmp and short: a unix socket's path has a limit that pytest's own folders may exceed.
    folder = Path(tempfile.mkdtemp(prefix="gw"))
    made = Home(folder)
    yield made
    succeeded(groundwork("down", "--yes", variables=made.variables))
    shutil.rmtree(folder)


def test_up_says_what_is_not_real_and_the_second_keeps_its_way_and_changes_nothing(home: Home) -> None:
    done = groundwork("up", "local", "--simulated", variables=home.variables)
    assert "No container runs" in succeeded(done)
    again = home.up()
    assert (again["way"], again["changed"]) == (Way.SIMULATED, 0)
    assert succeeded(groundwork("kubeconfig", variables=home.variables)).strip().endswith("kubeconfig")


def test_every_pod_is_scheduled_and_counts_as_running(home: Home) -> None:
    home.kubectl("wait", "--for=condition=Available", "deployment", "--all", "-A", "--timeout=180s")

    def phases() -> set[str]:
        return set(home.kubectl("get", "pods", "-A", "-o", "jsonpath={.items[*].status.phase}").split())

    # An autoscaler may have asked for one more just now.
    assert wait_until(lambda: phases() == {"Running"}, 120), phases()


def test_a_preview_of_what_is_up_shows_no_change(home: Home) -> None:
    assert home.preview() == 0


@pytest.mark.long
@pytest.mark.parametrize("objects", [1, 7])
def test_an_up_killed_in_the_engine_is_finished_by_the_next(home: Home, objects: int) -> None:
    """Kill while objects are being made: what exists is adopted or kept, the rest is made, nothing stands twice."""
    home.kubectl("delete", "namespace", *TENANTS, "--ignore-not-found", "--wait=true")
    process = start("up", "local", "--json", variables=home.variables)
    while process.poll() is None and made_objects(home) < objects:
        pass
    kill_group(process)
    home.up()
    assert home.preview() == 0
    assert len([item for tenant in TENANTS for item in home.items("deployments", "-n", tenant)]) == 2


@pytest.mark.long
def test_an_up_killed_before_the_engine_is_finished_by_the_next(home: Home) -> None:
    process = start("up", "local", "--json", "--simulated", variables=home.variables)
    assert process.stderr is not None
    process.stderr.readline()
    kill_group(process)
    assert home.up()["changed"] == 0


@pytest.mark.long
def test_a_state_that_is_not_what_is_there_is_written_again(home: Home) -> None:
    """As where somebody takes back by hand what a refresh has already noted: the preview would tell of it for ever."""
    (file,) = home.folder.glob("state/.pulumi/stacks/*/local.secrets.json")
    state = json.loads(file.read_text())
    resources = state["checkpoint"]["latest"]["resources"]
    (deployment,) = (each for each in resources if each["urn"].endswith(":Deployment::secret-rotator"))
    for noted in (deployment["inputs"], deployment["outputs"], deployment["outputs"]["__inputs"]):
        noted["spec"]["replicas"] += 1
    file.write_text(json.dumps(state))
    assert home.preview() == 1
    home.up()
    assert home.preview() == 0


def test_another_way_is_refused_while_this_one_is_up(home: Home, tmp_path: Path) -> None:
    other = tmp_path / "kubeconfig"
    other.write_text("")
    done = groundwork("up", "local", "--kubeconfig", str(other), variables=home.variables)
    assert done.returncode == 2
    assert "groundwork down" in done.stderr


def made_objects(home: Home) -> int:
    """How many of the tenants' objects are there: those that carry the project's label."""
    kinds = "serviceaccounts,configmaps,networkpolicies,services,deployments,resourcequotas"
    found = home.items(kinds, "-A", "-l", "app.kubernetes.io/part-of=groundwork")
    return len([item for item in found if at(item, "metadata", "namespace") in TENANTS])
