"""`down` of one layer: what is none is refused before anything is touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from groundwork.errors import UserError
from local.paths import Paths
from local.up import down_layer
from local.verbs import down
from tests.local.node.quiet import Quiet


@pytest.mark.parametrize("stack", ["local", "local.acme", "local.", "", "secrets"])
def test_what_is_no_layer_is_refused(stack: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no layer of an environment"):
        down_layer(stack, Paths(cache=tmp_path, data=tmp_path), Quiet())


def test_a_layer_of_an_environment_that_is_not_up_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing is up"):
        down_layer("local.secrets", Paths(cache=tmp_path, data=tmp_path), Quiet())


def test_a_name_is_refused_before_anything_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDWORK_HOME", str(tmp_path))
    with pytest.raises(UserError, match="is no layer of an environment"):
        down("local.acme", yes=False)
