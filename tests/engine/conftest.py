"""An engine of its own, with an empty state and no provider."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import toolchain
from local.engine.workspace import Engine
from local.paths import Paths
from tests.local.node.quiet import Quiet


@pytest.fixture
def engine() -> Iterator[Engine]:
    folder = Path(tempfile.mkdtemp(prefix="gw"))
    program = toolchain.ensure(["pulumi"], progress=Quiet()).path("pulumi")
    yield Engine(pulumi=program, paths=Paths(cache=folder, data=folder), plugin=None)
    shutil.rmtree(folder)
