"""A bill that takes another's place on the node while callers ask, and the first that comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from groundwork.console import PlainProgress
from loadtests.plan import PLANS
from loadtests.result import Result
from loadtests.store import Store
from local.paths import Paths
from promotion.analysis import LoadAnalyser
from promotion.here import LocalApplier
from promotion.moving import Mover, Outcomes
from promotion.office import PROMOTED
from promotion.settings import Move, Shift
from tests.command import commit, repository_of_checkout, up
from tests.promotion.made import MOVE, World

MOVED = MOVE.model_copy(update={"shift": Shift(percents=(50,), hold=timedelta(seconds=6))})


def without_times(folder: Path) -> Move:
    """`MOVED`, held to errors alone: times are left to `make bench`, as other tests take the machine's processors."""
    plan = yaml.safe_load((PLANS / f"{MOVED.analysis}.yaml").read_text("utf-8"))
    file = folder / f"{MOVED.analysis}.yaml"
    file.write_text(yaml.safe_dump({**plan, "limits": {"errors": plan["limits"]["errors"]}}), "utf-8")
    shift = Shift(percents=(50,), hold=timedelta(seconds=6), limits={"errors": Shift().limits["errors"]})
    return MOVED.model_copy(update={"analysis": str(file), "shift": shift})


class Here:
    """The environment that is up, and bills for it. The first is what runs already. `move`: how they are moved."""

    def __init__(self, folder: Path, move: Move) -> None:
        self.move = move
        self.paths, shown = Paths.for_user(), PlainProgress()
        self.checkout = repository_of_checkout(folder / "checkout")
        self.world = World(folder / "promotion")
        self.world.time = datetime.now(UTC)
        self.images: dict[str, str] = json.loads(self.paths.image_digests.read_text("utf-8"))
        self.analyser = LoadAnalyser(paths=self.paths, progress=shown)
        self.mover = Mover(
            office=self.world.office,
            applier=LocalApplier(
                paths=self.paths,
                progress=shown,
                signed=self.world.office.signed,
                principals=self.world.principals(folder),
                checkout=self.checkout,
            ),
            analyser=self.analyser,
            progress=shown,
            now=lambda: datetime.now(UTC),
        )
        self.first = self.world.real(commit(self.checkout), self.images)
        self.world.office.record(self.world.time, PROMOTED, "ci", "local", bill=self.first)

    def changed(self) -> str:
        """A bill with other instructions, whose pods ask for little: on a small node both must find a place."""
        file = self.checkout / "tenants" / "acme" / "agents" / "concierge.yaml"
        document = yaml.safe_load(file.read_text("utf-8"))
        document["spec"]["instructions"] += " Be brief."
        document["spec"]["resources"]["cpu"] = "20m"
        file.write_text(yaml.safe_dump(document), "utf-8")
        return self.world.real(commit(self.checkout), self.images)

    def promote(self, bill: str) -> tuple[Outcomes, Result]:
        """How it ended, and what callers got meanwhile."""
        ended = self.mover.promote(self.move, bill, "ci")
        return ended, self._last_load()

    def back(self) -> tuple[Outcomes, Result, float]:
        """The same of the way back, and its seconds."""
        with self.analyser.watching("local", self.first, self.move.analysis):
            begun = time.monotonic()
            ended = self.mover.rollback("local", None, "alice", "wrong answers")
            took = time.monotonic() - begun
        return ended, self._last_load(), took

    def stages(self) -> list[str]:
        """Those that a shift came through."""
        return [dict(each.data)["stage"] for each in self.world.office.log.entries() if each.event == "stage"]

    def _last_load(self) -> Result:
        return Store(self.paths.data / "load").get("last")


@contextmanager
def here(folder: Path, move: Move = MOVED) -> Iterator[Here]:
    """Of this checkout, which is up again afterwards."""
    try:
        yield Here(folder, move)
    finally:
        up()
