"""Which server a test is of."""

from __future__ import annotations

import pytest

from components.secrets.kinds import Kind
from tests.local.secrets.bao import BOTH

# What needs a program that takes minutes to build is a tier of its own.
MARKS: dict[str, tuple[pytest.MarkDecorator, ...]] = {"openbao": (), "vault": (pytest.mark.vault,)}


@pytest.fixture(scope="module", params=[pytest.param(kind, id=kind.name, marks=MARKS[kind.name]) for kind in BOTH])
def kind(request: pytest.FixtureRequest) -> Kind:
    found = request.param
    assert isinstance(found, Kind)
    return found
