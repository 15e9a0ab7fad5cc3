"""How long the way back to an earlier bill takes on the node, and what callers notice, for `make bench`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from groundwork.verdict import Outcome
from promotion.machine import State
from tests.bench_row import held, row
from tests.cluster.moving import here

MOST = 60.0


def main() -> Outcome:
    """Print a row; whether the limit holds."""
    with tempfile.TemporaryDirectory() as folder, here(Path(folder)) as made:
        moved, _ = made.promote(made.changed())
        if moved.state is not State.PROMOTED:
            raise RuntimeError(f"the new bill did not come through: {moved.verdict}")
        back, load, took = made.back()
    outcome = held(back.state is State.PROMOTED and took < MOST and not load.all.errors)
    failed = sum(load.all.errors.values())
    print(row("rollback", f"{MOST:6.0f}s {took:7.2f}s, {failed} of {load.all.requests} failed", outcome))
    return outcome


if __name__ == "__main__":
    sys.exit(main().exit_code)
