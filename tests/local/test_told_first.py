"""Which layer is brought up before the environment itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from local.engine.operation import Operator
from local.up import told_first


@pytest.mark.parametrize(
    ("up", "chosen", "first"),
    [
        (["local.admission", "local.acme"], ["admission", "secrets"], ["local.admission"]),
        # Nobody is asked yet: it comes after the mesh, with the other layers.
        (["local.acme"], ["admission", "secrets"], []),
        # It is to go.
        (["local.admission"], ["secrets"], []),
    ],
)
def test_admission_hears_of_new_images_before_they_run(up: list[str], chosen: list[str], first: list[str]) -> None:
    engine = SimpleNamespace(stacks_on=lambda _environment: up)
    assert told_first(cast("Operator", SimpleNamespace(engine=engine)), "local", chosen) == first
