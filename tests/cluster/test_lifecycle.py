"""`up`, killed or not, converges; a second one changes nothing."""

from __future__ import annotations

import json
import subprocess

import pytest

from local.cluster import Cluster
from local.paths import Paths
from tests.command import groundwork, kill_group, start, succeeded, up

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]

KINDS = "deployments,services,configmaps,networkpolicies,horizontalpodautoscalers,namespaces,resourcequotas"


def kubectl(*arguments: str) -> str:
    paths = Paths.for_user()
    program = paths.toolchain / "bin" / "kubectl"
    command = [str(program), "--kubeconfig", str(paths.kubeconfig), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def generations() -> dict[str, tuple[str, object]]:
    """Every object's uid and generation: both stay when nothing is changed or made anew.

    Of a Deployment that an autoscaler scales its spec but for the replicas: more or fewer are a new generation too.
    """
    items = json.loads(kubectl("get", KINDS, "-A", "-o", "json"))["items"]
    scaled = {
        (item["metadata"]["namespace"], item["spec"]["scaleTargetRef"]["name"])
        for item in items
        if item["kind"] == "HorizontalPodAutoscaler"
    }
    found: dict[str, tuple[str, object]] = {}
    for item in items:
        kind, meta = item["kind"], item["metadata"]
        place = (meta.get("namespace"), meta["name"])
        told: object = meta.get("generation")
        if kind == "Deployment" and place in scaled:
            told = {name: value for name, value in item["spec"].items() if name != "replicas"}
        found[f"{kind}/{place[0]}/{place[1]}"] = (meta["uid"], told)
    return found


def to_change() -> int:
    """How many resources a preview says that `up` would change."""
    changed: int = json.loads(succeeded(groundwork("preview", "local", "--json")))["changed"]
    return changed


def test_an_up_of_what_is_up_changes_nothing() -> None:
    before = generations()
    if up()["changed"] != 0:  # what others' tests had left
        before = generations()
        assert up()["changed"] == 0
    assert generations() == before


def test_a_preview_of_an_unchanged_stack_shows_no_change() -> None:
    assert to_change() == 0


def test_what_was_deleted_by_hand_is_made_again() -> None:
    kubectl("delete", "service", "-n", "acme", "concierge")
    assert json.loads(succeeded(groundwork("up", "local.acme", "--json")))["changed"] == 1
    assert "concierge" in kubectl("get", "service", "-n", "acme", "-o", "name")


@pytest.mark.long
def test_an_up_that_is_killed_again_and_again_is_finished_by_the_next() -> None:
    """Killed at its start, at the node, and while the engine makes objects, each on what the one before it left: what
    exists is adopted or kept, the rest is made, nothing stands twice.
    """
    kubectl("delete", "namespace", "acme", "--ignore-not-found", "--wait=true")
    for line in ("local:", "Node (real)"):
        process = start("up", "local", "--json")
        assert process.stderr is not None
        assert any(line in said for said in process.stderr)
        kill_group(process)
    process = start("up", "local", "--json")
    while process.poll() is None and count_in_acme() < 4:
        pass
    assert process.poll() is None, "it is killed in the middle of its work"
    kill_group(process)
    paths = Paths.for_user()
    assert Cluster(kubectl=paths.toolchain / "bin" / "kubectl", kubeconfig=paths.kubeconfig).answers()
    up()
    assert to_change() == 0


def count_in_acme() -> int:
    found = kubectl(
        "get", "serviceaccounts,configmaps,networkpolicies,services,deployments", "-n", "acme", "-o", "name"
    )
    return len([name for name in found.split() if name not in {"serviceaccount/default", "configmap/kube-root-ca.crt"}])
