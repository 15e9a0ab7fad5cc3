"""Questions to a cluster, answered by a kubectl of ours that says what the real one was seen to say."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from groundwork.errors import ExitCode, UserError
from local.cluster import Cluster

INPUTS = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b"}, "data": {"k": "v"}}


def cluster(folder: Path, *, says: str = "", code: int = 0) -> Cluster:
    program = folder / "kubectl"
    program.write_text(f"#!/bin/sh\ncat > {folder}/asked\nprintf %s {shlex.quote(says)}\nexit {code}\n")
    program.chmod(0o755)
    return Cluster(kubectl=program, kubeconfig=folder / "kubeconfig")


def item(manager: str) -> dict[str, object]:
    return {"metadata": {"name": "a", "managedFields": [{"manager": manager, "operation": "Update"}]}}


@pytest.mark.parametrize("manager", ["pulumi-kubernetes", "pulumi-kubernetes-1a2b3c4d"])
@pytest.mark.parametrize("as_list", [True, False])
def test_an_object_of_ours_is_known_by_its_manager(tmp_path: Path, manager: str, as_list: bool) -> None:
    found = {"kind": "List", "items": [item(manager)]} if as_list else item(manager)
    assert cluster(tmp_path, says=json.dumps(found)).made_by_pulumi(INPUTS)


def test_an_object_of_somebody_else_is_not_ours(tmp_path: Path) -> None:
    assert not cluster(tmp_path, says=json.dumps(item("kubectl-client-side-apply"))).made_by_pulumi(INPUTS)


def test_an_object_that_is_not_there_is_not_ours(tmp_path: Path) -> None:
    assert not cluster(tmp_path).made_by_pulumi(INPUTS)


def test_only_the_name_is_asked_for_and_no_content(tmp_path: Path) -> None:
    cluster(tmp_path).made_by_pulumi(INPUTS)
    assert "data" not in json.loads((tmp_path / "asked").read_text())


def test_a_cluster_that_does_not_answer_is_an_error_that_names_the_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="kubeconfig") as caught:
        cluster(tmp_path, code=1).made_by_pulumi(INPUTS)
    assert caught.value.code == ExitCode.ERROR
