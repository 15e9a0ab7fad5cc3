"""Which layer is brought up before the environment itself, and which before other layers."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from local.engine.operation import Operation, Operator
from local.up import bring_layers, take_layers, told_first


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


@pytest.mark.parametrize(
    ("stacks", "together"),
    [
        (
            ["local.admission", "local.observability", "local.secrets"],
            [["local.admission"], ["local.observability", "local.secrets"]],
        ),
        (["local.observability", "local.admission"], [["local.admission"], ["local.observability"]]),
        (["local.secrets"], [["local.secrets"]]),
    ],
)
def test_where_admission_is_new_other_layers_wait_until_it_answers(
    stacks: list[str], together: list[list[str]]
) -> None:
    """Beside it they were refused on a node made anew: its webhook stood, and nobody answered yet."""
    ran: list[list[str]] = []

    def run_all(_operation: Operation, names: list[str]) -> list[str]:
        ran.append(names)
        return names

    done = bring_layers(cast("Operator", SimpleNamespace(run_all=run_all)), stacks)
    assert [names for names in ran if names] == together
    assert sorted(map(str, done)) == sorted(stacks)


def test_admission_goes_after_the_layers_that_it_was_asked_about() -> None:
    ran: list[list[str]] = []
    take_layers(
        cast("Operator", SimpleNamespace(run_all=lambda _operation, names: ran.append(names))),
        ["dev.admission", "dev.observability", "dev.secrets"],
    )
    assert ran == [["dev.observability", "dev.secrets"], ["dev.admission"]]
