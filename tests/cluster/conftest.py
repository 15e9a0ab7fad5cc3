"""What tests of the running environment share."""

from __future__ import annotations

import pytest

from tests.command import have_up


@pytest.fixture(scope="module")
def environment() -> None:
    """The environment `local` is up with everything available, whatever the module before did to the node."""
    have_up()
