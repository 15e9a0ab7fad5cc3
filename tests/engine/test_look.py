"""What a look before an `up` finds, asked of the real engine."""

from __future__ import annotations

from collections.abc import Callable

import pulumi
import pytest

from groundwork.console import Step
from local.engine.operation import Seen, look
from local.engine.workspace import Engine

pytestmark = pytest.mark.engine


def images(digest: str) -> Callable[[], None]:
    """A program without resources, as an environment's whose images alone were built anew."""
    return lambda: pulumi.export("images", {"agent-runtime": digest})


def test_the_same_program_has_nothing_to_do(engine: Engine) -> None:
    stack = engine.stack("local", images("sha256:1"))
    stack.up()
    assert look(stack, Step("up")) is Seen.UNCHANGED


def test_other_outputs_are_something_to_do(engine: Engine) -> None:
    engine.stack("local", images("sha256:1")).up()
    assert look(engine.stack("local", images("sha256:2")), Step("up")) is Seen.CURRENT


def test_where_the_program_fails_nobody_can_tell(engine: Engine) -> None:
    engine.stack("local", images("sha256:1")).up()

    def program() -> None:
        raise ValueError("wrong")

    assert look(engine.stack("local", program), Step("up")) is Seen.UNKNOWN
