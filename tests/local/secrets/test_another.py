"""One server's data is not put before the other: with a cluster in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.secrets import server
from components.secrets.kinds import KINDS, OPENBAO, VAULT, Kind
from groundwork.errors import UserError
from local.paths import Paths
from local.record import Way
from local.secrets.install import Place, prepare, settle
from local.secrets.upgrade import upgrade
from stacks.secrets_settings import SecretsSettings
from tests.local.node.quiet import Quiet
from tests.local.secrets.test_issuing import Pretended


def place(folder: Path, runs: Kind, wanted: Kind) -> Place:
    """Where one server runs, in a pod beside another's, and settings want one of the two."""
    pods: dict[str, list[str] | None] = {"openbao-0": [*server.command(runs)], "secret-rotator-1": None}
    held = {
        ("pods", name): {"metadata": {"name": name}, "spec": {"containers": [{"command": command}]}}
        for name, command in pods.items()
    }
    cluster = Pretended(pods=("openbao-0",), held={**held})
    settings = SecretsSettings.model_validate({"server": wanted.name, "postgres": False})
    return Place(cluster=cluster, paths=Paths(cache=folder, data=folder), settings=settings, domain="groundwork.test")


@pytest.mark.parametrize(("runs", "wanted"), [(OPENBAO, VAULT), (VAULT, OPENBAO)], ids=lambda kind: kind.name)
def test_settings_that_name_the_other_server_are_refused_before_anything_is_done(
    tmp_path: Path, runs: Kind, wanted: Kind
) -> None:
    made = place(tmp_path, runs, wanted)
    for begun in (
        lambda: prepare(made, Way.REAL, Quiet()),
        lambda: settle(made, [], Quiet()),
        lambda: list(upgrade(made, Quiet())),
    ):
        with pytest.raises(UserError) as refused:
            begun()
        error = refused.value
        assert error.what == f"openbao-0 is {runs.called}, and {wanted.called} opens nothing of its data"
        assert (error.where, error.allowed) == (f"groundwork:secrets.server is {wanted.name}", runs.name)
    assert isinstance(made.cluster, Pretended)
    assert made.cluster.applied == []


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_server_that_settings_name_is_known_by_its_program(tmp_path: Path, kind: Kind) -> None:
    reach = place(tmp_path, kind, kind).reach
    assert reach.programs() == {"openbao-0": kind.program}
    reach.refuse_another()
