"""Replays each recording with the plugin under test: `pytest -m engine tests/conformance -k drift`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.cluster import Cluster
from tests.conformance.compare import compare
from tests.conformance.model import home, read, write
from tests.conformance.recorder import Bench, record
from tests.conformance.setting import needs_pods

# The SDK leaves a coroutine behind when the program of a failing update is cut off.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
RECORDINGS = {path.stem: read(path) for path in sorted(home().glob("*.json"))}
WITH_PODS = [name for name, recording in RECORDINGS.items() if needs_pods(recording)]
# What a change of anything but the plugin waits for: drift, and an object whose kind comes with it.
SHORT, LONG = {"crd-and-cr", "drift"}, pytest.mark.long
WITHOUT_PODS = [name for name in RECORDINGS if name not in WITH_PODS]


def replay(name: str, bench: Bench, folder: Path) -> None:
    got = record(RECORDINGS[name], bench, folder / "project")
    written = write(got, folder / "got")
    found = compare(RECORDINGS[name], got)
    assert not found, f"{len(found)} differences, {bench.plugin}, {written}\n" + "\n".join(map(str, found))


@pytest.mark.cluster
@pytest.mark.long
@pytest.mark.parametrize("name", WITH_PODS)
def test_with_pods(name: str, real: Bench, tmp_path: Path) -> None:
    replay(name, real, tmp_path)


@pytest.mark.engine
@pytest.mark.parametrize("name", [name if name in SHORT else pytest.param(name, marks=LONG) for name in WITHOUT_PODS])
def test_without_pods(name: str, scratch: Bench, tmp_path: Path) -> None:
    replay(name, scratch, tmp_path)


@pytest.mark.engine
def test_what_a_killed_run_left_is_cleared(scratch: Bench) -> None:
    cluster = Cluster(kubeconfig=scratch.kubeconfig)
    cluster.clean()
    cluster.shell("kubectl -n rec create configmap held --from-literal=a=1")
    held = """{"metadata":{"finalizers":["rec.example.com/held"]}}"""
    cluster.shell(f"kubectl -n rec patch configmap held --type=merge -p '{held}'")
    cluster.shell("kubectl -n rec create deployment left --image=localhost/agent:1")
    assert "configmap/held" in cluster.left()
    cluster.clean()
    assert cluster.left() == []
