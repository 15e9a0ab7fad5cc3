"""Whether an `up` may be left out, asked of the real engine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pulumi
import pytest

from groundwork.console import Step
from local import toolchain
from local.engine.operation import nothing_to_do
from local.engine.workspace import Engine
from local.paths import Paths
from tests.local.node.quiet import Quiet

pytestmark = pytest.mark.engine


@pytest.fixture
def engine() -> Iterator[Engine]:
    folder = Path(tempfile.mkdtemp(prefix="gw"))
    program = toolchain.ensure(["pulumi"], progress=Quiet()).path("pulumi")
    yield Engine(pulumi=program, paths=Paths(cache=folder, data=folder), plugin=None)
    shutil.rmtree(folder)


def images(digest: str) -> Callable[[], None]:
    """A program without resources, as an environment's whose images alone were built anew."""
    return lambda: pulumi.export("images", {"agent-runtime": digest})


def test_the_same_program_has_nothing_to_do(engine: Engine) -> None:
    stack = engine.stack("local", images("sha256:1"))
    stack.up()
    assert nothing_to_do(stack, Step("up"))


def test_other_outputs_are_something_to_do(engine: Engine) -> None:
    engine.stack("local", images("sha256:1")).up()
    assert not nothing_to_do(engine.stack("local", images("sha256:2")), Step("up"))
