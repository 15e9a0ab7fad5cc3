"""An `up` of a whole environment that is killed in the middle is finished by the next, with nothing doubled.

Of many more small ones: test_kill.py.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local.engine.operation import Operation
from local.paths import Paths
from local.rehearsal.account import EmulatedAccount
from local.rehearsal.stage import Stage, stage
from tests.engine.aws.killing import begun, kill_at
from tests.local.node.quiet import Quiet

pytestmark = [pytest.mark.engine, pytest.mark.long]

# The cheapest of the environments: it waits for no pod.
ENVIRONMENT = "ecs"
SEEDS = 10
_UP = """
import sys
from pathlib import Path
from groundwork.console import PlainProgress
from local.engine.operation import Operation
from local.paths import Paths
from local.rehearsal.stage import operator_in
paths = Paths(cache=Path(sys.argv[1]), data=Path(sys.argv[2]))
operator_in(paths, PlainProgress()).run(Operation.UP, sys.argv[3])
"""
# What AWS and the engine number anew each time.
_RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{8,}|-[0-9a-f]{7}\b|\bns-\w{16,}|\bZ?[0-9A-Z]{12,}\b")


@contextmanager
def theatre() -> Iterator[Stage]:
    with stage(ENVIRONMENT, Paths.for_user(), Quiet()) as made:
        yield made


def names(account: EmulatedAccount) -> Counter[str]:
    """What is in the account, each by kind and name, as often as it is there."""
    return Counter(_RANDOM.sub("*", row) for row in account.inventory())


@pytest.fixture(scope="module")
def whole() -> tuple[int, int, Counter[str]]:
    """Resources of the stack, those begun in the account, and what is in it, where nobody was killed."""
    with theatre() as on:
        made = on.operator.run(Operation.UP, ENVIRONMENT).changed
        return made, begun(on.journal), names(on.account)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_the_next_up_converges_and_nothing_is_doubled(seed: int, whole: tuple[int, int, Counter[str]]) -> None:
    resources, events, expected = whole
    count = random.Random(seed).randint(1, events)  # noqa: S311 - a place to stop at, no secret
    with theatre() as on:
        given = [str(on.paths.cache), str(on.paths.data), ENVIRONMENT]
        assert kill_at(_UP, given, on.journal, count), "it ended before it could be killed"
        killed = begun(on.journal)
        on.operator.run(Operation.UP, ENVIRONMENT)
        found = names(on.account)
        doubled, missing = sorted((found - expected).elements()), sorted((expected - found).elements())
        assert (doubled, missing) == ([], []), f"killed after {count} of {events}: {doubled}, {missing}"
        assert on.operator.run(Operation.PREVIEW, ENVIRONMENT).changed == 0
        state = on.operator.engine.exported(ENVIRONMENT)
        rows = state["resources"]
        assert isinstance(rows, list)
        assert len({row["urn"] for row in rows}) == len(rows)
        assert not state.get("pending_operations")
        assert len(rows) >= resources
        print(f"seed {seed}: killed at {killed} of {events}", flush=True)
