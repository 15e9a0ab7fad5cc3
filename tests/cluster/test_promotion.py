"""One bill takes another's place on the node while callers ask, and the first comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from components.mesh.names import service_host
from groundwork.console import PlainProgress
from loadtests.result import Result
from loadtests.store import Store
from local.cluster import Cluster
from local.paths import Paths
from promotion.analysis import LoadAnalyser
from promotion.here import LocalApplier
from promotion.machine import State
from promotion.moving import Mover
from promotion.office import PROMOTED
from promotion.settings import Shift
from tests.command import commit, repository_of_checkout, up
from tests.promotion.made import MOVE, World

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]

MOVED = MOVE.model_copy(update={"shift": Shift(percents=(50,), hold=timedelta(seconds=6))})
ROLLBACK_SECONDS = 60.0
# Another tenant's way to the same agent: none of what is shared out, and there all the time.
STRANGER = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "VirtualService",
    "metadata": {"name": "stranger", "namespace": "globex"},
    "spec": {
        "hosts": ["stranger.groundwork.test"],
        "gateways": ["groundwork-gateway/public"],
        "http": [{"route": [{"destination": {"host": service_host("concierge", "acme")}}]}],
    },
}


class Here:
    """The environment that is up, and bills for it. The first is what runs already."""

    def __init__(self, folder: Path) -> None:
        self.paths, shown = Paths.for_user(), PlainProgress()
        self.checkout = repository_of_checkout(folder / "checkout")
        self.world = World(folder / "promotion")
        self.world.time = datetime.now(UTC)
        self.images: dict[str, str] = json.loads(self.paths.image_digests.read_text("utf-8"))
        self.analyser = LoadAnalyser(paths=self.paths, progress=shown)
        self.mover = Mover(
            office=self.world.office,
            applier=LocalApplier(paths=self.paths, progress=shown, checkout=self.checkout),
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

    def last_load(self) -> Result:
        return Store(self.paths.data / "load").get("last")


@pytest.fixture
def here(tmp_path: Path, environment: None, cluster: Cluster) -> Iterator[Here]:  # noqa: ARG001 – it is up
    cluster.apply(STRANGER)
    try:
        yield Here(tmp_path)
    finally:
        cluster.delete("virtualservices.networking.istio.io", "stranger", "globex")
        up()


def test_a_bill_takes_anothers_place_and_the_first_is_back_in_a_minute_with_no_failed_request(here: Here) -> None:
    changed = here.changed()
    moved = here.mover.promote(MOVED, changed, "ci")
    assert moved.state is State.PROMOTED, moved.verdict
    stages = [dict(each.data)["stage"] for each in here.world.office.log.entries() if each.event == "stage"]
    assert "50 % to the candidates" in stages
    assert here.last_load().all.errors == {}
    with here.analyser.watching("local", here.first, MOVED.analysis):
        begun = time.monotonic()
        back = here.mover.rollback("local", None, "alice", "wrong answers")
        took = time.monotonic() - begun
    assert (back.state, back.bill) == (State.PROMOTED, here.first)
    assert took < ROLLBACK_SECONDS
    load = here.last_load()
    assert load.all.requests > took * 5
    assert load.all.errors == {}
