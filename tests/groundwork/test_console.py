import io

import pytest

from groundwork.console import PlainProgress
from groundwork.errors import UserError


def test_a_step_says_how_it_ended() -> None:
    stream = io.StringIO()
    with PlainProgress(stream).step("building") as step:
        step.update("2 of 3")
    assert stream.getvalue() == "✓ building – 2 of 3 (0 s)\n"


def test_a_failed_step_is_marked_and_the_error_goes_on() -> None:
    stream = io.StringIO()
    with pytest.raises(ZeroDivisionError), PlainProgress(stream).step("building"):
        raise ZeroDivisionError
    assert stream.getvalue().startswith("✗ building")


def test_an_error_names_the_place_what_is_allowed_and_the_fix() -> None:
    error = UserError(what="unknown tier 'huge'", where="a.yaml:3", allowed="standard, heavy", fix="choose one")
    assert str(error).splitlines() == [
        "a.yaml:3: unknown tier 'huge'",
        "allowed: standard, heavy",
        "fix: choose one",
    ]
