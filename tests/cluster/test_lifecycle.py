"""`up`, killed or not, converges; a second one changes nothing."""

from __future__ import annotations

import json
import subprocess

import pytest

from local.cluster import Cluster
from local.paths import Paths
from tests.command import groundwork, kill_group, start, succeeded, up

pytestmark = pytest.mark.cluster

KINDS = "deployments,services,configmaps,networkpolicies,horizontalpodautoscalers,namespaces,resourcequotas"


def kubectl(*arguments: str) -> str:
    paths = Paths.for_user()
    program = paths.toolchain / "bin" / "kubectl"
    command = [str(program), "--kubeconfig", str(paths.kubeconfig), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def generations() -> dict[str, tuple[str, int | None]]:
    """Every object's uid and generation: both stay when nothing is changed or made anew."""
    items = json.loads(kubectl("get", KINDS, "-A", "-o", "json"))["items"]
    return {
        f"{item['kind']}/{item['metadata'].get('namespace')}/{item['metadata']['name']}": (
            item["metadata"]["uid"],
            item["metadata"].get("generation"),
        )
        for item in items
    }


def to_change() -> int:
    """How many resources a preview says that `up` would change."""
    changed: int = json.loads(succeeded(groundwork("preview", "local", "--json")))["changed"]
    return changed


@pytest.fixture(scope="module", autouse=True)
def environment() -> None:
    up()


def test_a_second_up_changes_nothing() -> None:
    before = generations()
    assert up()["changed"] == 0
    assert generations() == before


def test_a_preview_of_an_unchanged_stack_shows_no_change() -> None:
    assert to_change() == 0


def test_what_was_deleted_by_hand_is_made_again() -> None:
    kubectl("delete", "service", "-n", "acme", "concierge")
    assert up()["changed"] == 1
    assert "concierge" in kubectl("get", "service", "-n", "acme", "-o", "name")


# Each line is one that `up` says on its way; the run is killed as soon as it has said it.
@pytest.mark.parametrize("line", ["local:", "Node (real)"])
def test_an_up_that_was_killed_is_finished_by_the_next(line: str) -> None:
    kubectl("delete", "namespace", "acme", "--ignore-not-found", "--wait=true")
    process = start("up", "local", "--json")
    assert process.stderr is not None
    for said in process.stderr:
        if line in said:
            break
    kill_group(process)
    up()
    assert to_change() == 0


def test_an_up_killed_in_the_engine_leaves_nothing_that_stops_the_next() -> None:
    """Kill while objects are being made: what exists is adopted or kept, the rest is made, nothing stands twice."""
    kubectl("delete", "namespace", "acme", "--ignore-not-found", "--wait=true")
    process = start("up", "local", "--json")
    paths = Paths.for_user()
    cluster = Cluster(kubectl=paths.toolchain / "bin" / "kubectl", kubeconfig=paths.kubeconfig)
    while process.poll() is None and count_in_acme() < 4:
        pass
    kill_group(process)
    assert cluster.answers()
    up()
    assert to_change() == 0


def count_in_acme() -> int:
    found = kubectl(
        "get", "serviceaccounts,configmaps,networkpolicies,services,deployments", "-n", "acme", "-o", "name"
    )
    return len([name for name in found.split() if name not in {"serviceaccount/default", "configmap/kube-root-ca.crt"}])
