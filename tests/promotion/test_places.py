"""One tenant of an environment as a place of promotions: it alone is applied, waited for and asked."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from groundwork.console import PlainProgress
from groundwork.errors import UserError
from groundwork.verdict import Outcome
from loadtests.target import of_environment
from local.cluster import Cluster
from local.paths import Paths
from local.record import Record, Way
from promotion import engine, here
from promotion.bill import Bill
from promotion.here import LocalApplier
from promotion.machine import State
from promotion.settings import Move, Shift
from promotion.shift import Part, Stage
from tests.loadtests import made as load
from tests.promotion.made import MOVE, World

UP = Record(way=Way.SIMULATED, stack="local", kubeconfig=Path("kubeconfig"))


@pytest.mark.parametrize("name", ["local", "local.acme", "local.demo-dev"])
def test_places(name: str) -> None:
    assert Move(origin="checkout", target=name, gates={"load": timedelta(days=1)}, analysis="shift").target == name


@pytest.mark.parametrize("name", ["", "local.", ".acme", "local.acme.more", "Local", "local/acme"])
def test_no_places(name: str) -> None:
    with pytest.raises(ValidationError):
        Move(origin="checkout", target=name, gates={"load": timedelta(days=1)}, analysis="shift")


def test_a_move_without_a_shift_is_applied_at_once_and_still_watched(tmp_path: Path) -> None:
    world = World(tmp_path / "promotion")
    move = MOVE.model_copy(update={"shift": None})
    for tag in ("one", "two"):
        assert world.mover.promote(move, world.ready(tag), "ci").state is State.PROMOTED
    assert world.place.stages == []
    assert len(world.place.applied) == 2
    bad = world.ready("three")
    world.watcher.bad[bad] = Outcome.FAIL
    outcome = world.mover.promote(move, bad, "ci")
    assert outcome.state is State.ROLLED_BACK
    assert world.place.now == world.office.arrivals("local")[-1].bill


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Part, str | None]]:
    """The engine's runs, and in which namespace the cluster was asked for pods and routes."""
    done: list[tuple[str, Part, str | None]] = []

    def items(_: Cluster, kinds: str, namespace: str | None = None) -> list[object]:
        done.append((kinds, Part.ALL, namespace))
        return []

    def run(_: LocalApplier, environment: str, __: Bill, stage: Stage, ___: Bill | None) -> None:
        done.append((environment, stage.part, None))

    def require_up(environment: str, _: Paths) -> Record:
        assert environment == "local"
        return UP

    monkeypatch.setattr(Cluster, "items", items)
    monkeypatch.setattr(LocalApplier, "_run", run)
    monkeypatch.setattr(here, "require_up", require_up)
    return done


@pytest.mark.parametrize(
    ("place", "namespace", "first"), [("local", None, Part.PLATFORM), ("local.acme", "acme", Part.TENANTS)]
)
def test_a_tenant_is_shifted_alone(
    place: str, namespace: str | None, first: Part, tmp_path: Path, runs: list[tuple[str, Part, str | None]]
) -> None:
    world = World(tmp_path / "promotion")
    old, new = (world.office.bill(world.bill(tag))[0] for tag in ("one", "two"))
    applier = LocalApplier(
        paths=Paths(cache=tmp_path, data=tmp_path),
        progress=PlainProgress(),
        signed=world.office.signed,
        principals=tmp_path,
    )
    stages = list(applier.shift(place, old, new, (50,)))
    assert stages[0].part is first
    assert [run for run in runs if run[0] == place] == [(place, stage.part, None) for stage in stages]
    applier.apply(place, old)
    assert runs[-2] == (place, Part.ALL, None), "no candidate stands"
    asked = [asked for kinds, _, asked in runs if kinds != place]
    assert set(asked) == {namespace}


class Operator:
    """Remembers what it was asked to do."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def run(self, operation: str, stack: str) -> None:
        self.done.append(f"{operation} {stack}")


@pytest.mark.parametrize(
    ("part", "wanted"), [(Part.ALL, "up"), (Part.TENANTS, "up"), (Part.ROUTES, "route"), (Part.PLATFORM, "up")]
)
def test_the_engine_runs_a_tenants_stack_alone(part: Part, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operator = Operator()
    monkeypatch.setattr(engine, "require_up", lambda *_: UP)
    monkeypatch.setattr(engine, "operator_of", lambda *_: operator)
    engine.main("local.acme", part)
    assert operator.done == [f"{wanted} local.acme"]


def test_load_asks_agents_that_run_whatever_this_checkout_has(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {"groundwork/agent": "guide", "groundwork/tier": "heavy"}
    deployments = [{"metadata": {"name": "guide", "labels": labels}}, {"metadata": {"name": "other"}}]
    kept: list[str] = []
    monkeypatch.setattr("local.up.require_up", lambda name, _: UP if name == "local" else None)
    monkeypatch.setattr("local.front_door.authority", lambda _: "PEM")
    known = iter([False, True])
    monkeypatch.setattr("local.front_door.is_known", lambda *_: next(known))
    monkeypatch.setattr(Cluster, "items", lambda _, __, namespace: deployments if namespace == "demo-dev" else [])
    monkeypatch.setattr(Cluster, "apply", lambda _, wanted: kept.append(wanted["metadata"]["name"]))
    monkeypatch.setattr(Cluster, "delete", lambda _, __, name, ___: kept.remove(name))
    users = [{"tenant": "demo-dev", "agent": "guide"}]
    with of_environment(load.plan(users=users), "local.demo-dev") as target:
        assert [caller.tier for caller in target.callers] == ["heavy"]
        assert target.callers[0].address == "https://demo-dev.groundwork.test/agents/guide"
        assert len(kept) == 1
        assert list(known) == [], "it waits for the gateway to hear of the key"
    assert kept == [], "keys last as long as the run"
    unknown = [{"tenant": "demo-dev", "agent": "nobody"}]
    with pytest.raises(UserError, match="has no agent"), of_environment(load.plan(users=unknown), "local.demo-dev"):
        pass
    monkeypatch.setattr("local.front_door.is_known", lambda *_: False)
    monkeypatch.setattr("local.front_door.KEY_HEARD_SECONDS", 0.0)
    with (
        pytest.raises(UserError, match="does not let in a key"),
        of_environment(load.plan(users=users), "local.demo-dev"),
    ):
        pass
    assert kept == []


def test_a_shift_is_still_the_rule() -> None:
    assert MOVE.shift == Shift()
