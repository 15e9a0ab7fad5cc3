"""An environment in AWS is told to this machine and forgotten again; `down` means none that it has not made."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.errors import UserError
from local import record
from local.attach import attached, detached
from local.paths import Paths
from local.record import Record, Way
from local.verbs import down


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setenv("GROUNDWORK_HOME", str(tmp_path))
    (tmp_path / "eks").write_text("")
    return Paths.for_user()


def test_it_is_remembered_until_it_is_detached(paths: Paths) -> None:
    made = Record(way=Way.KUBECONFIG, stack="prod", kubeconfig=(paths.data / "eks").resolve())
    assert attached("prod", paths.data / "eks", paths) == made
    assert attached("prod", paths.data / "eks", paths) == made, "run twice, it is the same"
    assert record.require(paths) == made
    assert detached(paths) == made
    assert record.read(paths) is None


@pytest.mark.parametrize(("environment", "fix"), [("local", "groundwork up local"), ("ecs", "")])
def test_an_environment_without_a_cluster_in_aws_is_refused(environment: str, fix: str, paths: Paths) -> None:
    with pytest.raises(UserError, match="is not in AWS with EKS") as caught:
        attached(environment, paths.data / "eks", paths)
    assert fix in str(caught.value.fix or "")
    assert record.read(paths) is None


def test_a_kubeconfig_that_is_not_there_is_refused(paths: Paths) -> None:
    with pytest.raises(UserError, match="no such kubeconfig"):
        attached("prod", paths.data / "none", paths)


@pytest.mark.parametrize(("stack", "fix"), [("local", "groundwork down"), ("dev", "groundwork detach")])
def test_another_environment_that_is_up_here_is_not_forgotten(stack: str, fix: str, paths: Paths) -> None:
    earlier = Record(way=Way.KUBECONFIG, stack=stack, kubeconfig=paths.data / "other")
    record.write(paths, earlier)
    with pytest.raises(UserError, match=f"'{stack}' is up here") as caught:
        attached("prod", paths.data / "eks", paths)
    assert fix in str(caught.value.fix)
    assert record.read(paths) == earlier


def test_down_does_not_touch_what_was_attached_and_detach_not_what_up_made(paths: Paths) -> None:
    attached("prod", paths.data / "eks", paths)
    with pytest.raises(UserError, match="'prod' is in AWS") as caught:
        down(None, yes=True)
    assert "pulumi destroy --stack prod" in str(caught.value.fix)
    assert record.read(paths) is not None
    record.write(paths, Record(way=Way.REAL, stack="local", kubeconfig=paths.kubeconfig))
    with pytest.raises(UserError, match="'local' was not attached"):
        detached(paths)
