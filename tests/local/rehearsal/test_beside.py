"""What goes on beside a rehearsal."""

from __future__ import annotations

from groundwork.errors import UserError
from groundwork.waiting import wait_until
from local.rehearsal.beside import again


def test_what_fails_is_asked_again_until_the_block_ends() -> None:
    asked: list[int] = []

    def look() -> None:
        asked.append(len(asked))
        if len(asked) == 1:
            raise UserError(what="does not answer")

    with again(look, 0.01):
        assert wait_until(lambda: len(asked) > 2, 5.0)
    ended = len(asked)
    assert not wait_until(lambda: len(asked) > ended, 0.05)
