"""The demo's plan and story: each step passes as the gate's own verdict says, and what it made goes again."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
import yaml
from pydantic import JsonValue

from components.agents.manifest import load_manifest, parse_manifest
from components.units import is_by_digest
from groundwork.console import PlainProgress
from groundwork.errors import UserError
from groundwork.verdict import Check, Outcome, Verdict, worst
from loadtests.experiment import read_experiment
from loadtests.plan import read_plan
from local.paths import Paths
from local.record import Record, Way
from promotion.audit import Log
from promotion.bill import Bill
from promotion.demo import scene as scenes
from promotion.demo import verbs
from promotion.demo.chapters import CHAPTERS, DEV, PROD, STAGING, Chapter, chosen, places
from promotion.demo.repository import AGENT, Repository, agent
from promotion.demo.story import TRIES, Step, tell
from promotion.machine import State
from promotion.moving import Outcomes
from promotion.office import PROMOTED
from promotion.settings import Move
from tests.promotion.made import NOW, Place

IMAGES = {"agent-runtime": f"localhost/groundwork/agent-runtime@sha256:{'a' * 64}"}
MOVES = scenes.moves()


@dataclass
class Faked:
    """Gates that say of a bill what they are told to. `stops`: chapter → gates that find something wrong with it.

    A bill is called as its chapter. It is refused where a gate of the move did not pass it, as by the real mover.
    """

    stops: dict[str, set[str]]
    found: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    there: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    approved: dict[str, str] = field(default_factory=dict)
    unclear: int = 0
    log: Outcome = Outcome.PASS

    @property
    def moves(self) -> Sequence[Move]:
        return MOVES

    def bill(self, chapter: Chapter) -> str:
        return chapter.name

    def measure(self, gate: str, place: str, bill: str) -> Verdict:
        self.asked.append((gate, place, bill))
        outcome = Outcome.FAIL if gate in self.stops.get(bill, set()) else Outcome.PASS
        if self.unclear:
            self.unclear, outcome = self.unclear - 1, Outcome.INCONCLUSIVE
        self.found[bill, gate] = outcome
        return Verdict.of(gate, place, NOW, {"bill": bill}, [Check(name="limit", outcome=outcome, measured="seen")])

    def approve(self, move: Move, bill: str, by: str) -> None:
        assert move in MOVES
        self.approved[bill] = by

    def promote(self, move: Move, bill: str) -> Outcomes:
        checks = [Check(name=gate, outcome=self.found[bill, gate]) for gate in move.gates]
        own = self.approved[bill] == "alice" and "approval" in self.stops.get(bill, set())
        checks.append(Check(name="approval", outcome=Outcome.FAIL if own else Outcome.PASS))
        state = State.PROMOTED
        if worst(check.outcome for check in checks) is not Outcome.PASS:
            state = State.REFUSED
        elif move.shift and "analysis" in self.stops.get(bill, set()):
            state = State.ROLLED_BACK
            checks.append(Check(name="50 % to the candidates: errors: rate", outcome=Outcome.FAIL))
        else:
            self.there[move.target] = bill
        return Outcomes(state=state, bill=bill, verdict=Verdict.of("promotion", move.target, NOW, {}, checks))

    def serving(self, place: str) -> str:
        return self.there[place]

    def verify(self) -> Verdict:
        return Verdict.of("audit", "local", NOW, {}, [Check(name="log", outcome=self.log)])


AS_TOLD = {chapter.name: {chapter.ends.by} for chapter in CHAPTERS if chapter.ends.by}


def story(faked: Faked, names: Sequence[str] = ()) -> list[Step]:
    return list(tell(chosen(names), faked, lambda _: None))


def outcomes(steps: Sequence[Step]) -> Outcome:
    return worst(step.outcome for step in steps)


def test_where_every_gate_stops_what_it_should_the_demo_passes() -> None:
    faked = Faked(AS_TOLD)
    steps = story(faked)
    assert [step for step in steps if step.outcome is not Outcome.PASS] == []
    assert faked.there == {DEV: "failing", STAGING: "failing", PROD: "change"}
    assert faked.asked[-1] == ("load", PROD, "change"), "what was taken back is looked at"
    assert steps[-1].chapter == "log"


@pytest.mark.parametrize("chapter", [each for each in CHAPTERS if each.ends.by], ids=lambda each: each.name)
def test_a_gate_that_stops_nothing_fails_the_demo(chapter: Chapter) -> None:
    steps = story(Faked({**AS_TOLD, chapter.name: set()}))
    assert outcomes(steps) is Outcome.FAIL
    assert {step.chapter for step in steps if step.outcome is not Outcome.PASS} == {chapter.name}


@pytest.mark.parametrize("gate", ["policy", "load", "resilience", "analysis"])
def test_a_good_change_that_is_stopped_fails_the_demo(gate: str) -> None:
    steps = story(Faked({**AS_TOLD, "change": {gate}}), ["change"])
    assert outcomes(steps) is Outcome.FAIL
    assert steps[-2].outcome is Outcome.FAIL, "nothing of the chapter comes after it"


def test_a_change_that_another_gate_stops_is_not_as_told() -> None:
    assert outcomes(story(Faked({"slow": {"policy"}}), ["slow"])) is Outcome.FAIL
    assert outcomes(story(Faked({"slow": {"load", "policy"}}), ["slow"])) is Outcome.FAIL


def test_a_gate_that_cannot_tell_is_asked_again() -> None:
    faked = Faked(AS_TOLD, unclear=TRIES - 1)
    assert outcomes(story(faked, ["slow"])) is Outcome.PASS
    assert faked.asked[:TRIES] == [("policy", DEV, "slow")] * TRIES


def test_a_gate_that_never_can_tell_is_inconclusive() -> None:
    assert outcomes(story(Faked(AS_TOLD, unclear=TRIES), ["image"])) is Outcome.INCONCLUSIVE


def test_what_cannot_be_done_is_an_error_and_the_next_chapter_begins() -> None:
    class Broken(Faked):
        def measure(self, gate: str, place: str, bill: str) -> Verdict:
            if bill == "image":
                raise UserError(what="no gator")
            return super().measure(gate, place, bill)

    steps = story(Broken(AS_TOLD), ["image", "slow"])
    assert [step.why for step in steps if step.outcome is Outcome.ERROR] == ["error: error no gator"]
    assert [step.outcome for step in steps if step.chapter == "slow"] == [Outcome.PASS] * 5


def test_a_log_that_was_changed_fails_the_demo() -> None:
    assert outcomes(story(Faked(AS_TOLD, log=Outcome.FAIL), ["image"])) is Outcome.FAIL


def test_only_what_is_changed_is_brought_up() -> None:
    assert places(chosen([]), MOVES) == [DEV, STAGING, PROD]
    assert places(chosen(["image", "own"]), MOVES) == []
    assert places(chosen(["slow"]), MOVES) == [DEV]
    assert places(chosen(["fragile"]), MOVES) == [DEV, STAGING]
    with pytest.raises(UserError, match="no chapter"):
        chosen(["quick"])


def test_files_and_changes_are_what_the_platform_takes() -> None:
    assert [move.target for move in MOVES] == [DEV, STAGING, PROD]
    for move in MOVES:
        assert read_plan(move.analysis).users[0].tenant == move.target.partition(".")[2]
        assert move.gates
    for file in (scenes.HERE / "plans").glob("*.yaml"):
        plan = read_plan(str(file))
        assert plan.shape.kind == "soak"
        assert plan.shape.level <= 10, "a small node has other work too"
    assert read_experiment(str(scenes.HERE / "pod-killed.yaml")).expects.rules()
    base = load_manifest(AGENT)
    manifests = [parse_manifest(_text(chapter.manifest(agent(), IMAGES))) for chapter in CHAPTERS]
    assert base not in manifests
    assert len({_text(each.model_dump(mode="json")) for each in manifests}) == len(CHAPTERS)
    for chapter, manifest in zip(CHAPTERS, manifests, strict=True):
        assert is_by_digest(manifest.spec.image) is (chapter.registry is not None)
        assert manifest.name == base.name


def _text(document: object) -> str:
    return yaml.safe_dump(document)


def test_a_change_is_a_commit_of_a_repository_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "stacks").mkdir(parents=True)
    (checkout / "Pulumi.yaml").write_text("name: groundwork\n", "utf-8")
    (checkout / "stacks" / "new.py").write_text("", "utf-8")
    with pytest.raises(UserError, match="git"):
        _begun(checkout, tmp_path / "none", monkeypatch)
    subprocess.run(["git", "init", "--quiet", str(checkout)], check=True)
    repository, first = _begun(checkout, tmp_path / "made", monkeypatch)
    changed: dict[str, JsonValue] = {**agent(), "spec": {"image": "other"}}
    second = repository.commit(changed)
    assert first != second
    assert repository.commit(changed) != second, "a bill of its own, also where nothing is other"
    assert (tmp_path / "made" / "stacks" / "new.py").is_file(), "what is not committed yet is a part of it"
    files = {(tmp_path / "made" / "tenants" / name / "agents" / AGENT.name).read_text("utf-8") for name in ("a", "b")}
    assert len(files) == 1
    assert not (checkout / "tenants").exists()


def _begun(checkout: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Repository, str]:
    monkeypatch.setattr("promotion.demo.repository.CHECKOUT", checkout)
    repository = Repository(folder, ["a", "b"])
    return repository, repository.begin()


def paths_in(folder: Path) -> Paths:
    return Paths(cache=folder / "cache", data=folder / "data")


@dataclass
class Applied(Place):
    """An environment that remembers where something was applied."""

    places: list[str] = field(default_factory=list)

    def apply(self, environment: str, bill: Bill) -> None:
        self.places.append(environment)
        self.now = bill.digest


def record_of(way: Way) -> Record:
    return Record(way=way, stack="local", kubeconfig=Path("kubeconfig"))


def test_keys_and_log_are_the_demos_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "require_up", lambda *_: record_of(Way.SIMULATED))
    paths = paths_in(tmp_path)
    paths.data.mkdir()
    paths.image_digests.write_text(json.dumps(IMAGES), "utf-8")
    made = scenes.Here.build(paths, PlainProgress())
    applied = Applied()
    made = replace(made, mover=replace(made.mover, applier=applied))
    made.set_up([DEV])
    assert applied.places == [DEV]
    digest = made.bill(CHAPTERS[0])
    assert made.serving(DEV) != digest
    with pytest.raises(UserError, match="is sha256"):
        made.measure("load", DEV, digest)
    refused = made.promote(MOVES[0], digest)
    assert refused.state is State.REFUSED, "nobody has approved or measured anything"
    for line in made.office.log.entries():
        assert line.event in {"signed", PROMOTED, "gates-refused"}
    assert made.verify().outcome is Outcome.PASS
    log = made.office.log
    assert isinstance(log, Log)
    assert log.file.is_relative_to(scenes.folder(paths))
    assert not (paths.data / "promotion").exists()
    assert not scenes.strike(paths_in(tmp_path / "other"), PlainProgress())
    assert scenes.strike(paths, PlainProgress())
    assert not scenes.folder(paths).exists()


def test_one_demo_at_a_time(tmp_path: Path) -> None:
    paths = paths_in(tmp_path)
    with scenes.turn(paths), pytest.raises(UserError, match="another demo"), scenes.turn(paths):
        pass
    with scenes.turn(paths):
        pass


class Interrupted(BaseException):
    pass


@dataclass
class Stage:
    """The verb with a scene that is faked; what was struck, and when."""

    faked: Faked
    struck: list[str] = field(default_factory=list)
    during: Callable[[], None] = lambda: None
    home: Path = Path("/demo")

    def set_up(self, places: Sequence[str]) -> None:
        self.struck.append(f"set up {len(places)}")
        self.during()

    def strike(self) -> bool:
        self.struck.append("struck")
        return True

    def __getattr__(self, name: str) -> object:
        return getattr(self.faked, name)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage(Faked(AS_TOLD))
    monkeypatch.setenv("GROUNDWORK_HOME", str(tmp_path))
    monkeypatch.setattr(scenes, "require_node", lambda _: None)
    monkeypatch.setattr(scenes, "strike", lambda *_: made.strike())
    monkeypatch.setattr(scenes.Here, "build", lambda *_: made)
    return made


def run(only: list[str] | None = None, *, keep: bool = False, json_: bool = False) -> int:
    with pytest.raises(typer.Exit) as ended:
        verbs.demo(only=only, keep=keep, remove=False, json_=json_)
    return ended.value.exit_code


def test_the_command_ends_as_the_story_does(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    table = capsys.readouterr().out
    assert "refused by policy" in table
    assert "rolled-back by analysis" in table
    assert table.splitlines()[-1].startswith("demo: PASS")
    assert stage.struck == ["struck", "set up 3", "struck"]
    stage.faked.stops = {}
    assert run(["image"], json_=True) == 99
    assert '"outcome": "fail"' in capsys.readouterr().out


def test_what_was_made_goes_also_when_it_is_interrupted(stage: Stage) -> None:
    def interrupted() -> None:
        raise Interrupted

    stage.during = interrupted
    with pytest.raises(Interrupted):
        verbs.demo(only=None, keep=False, remove=False, json_=False)
    assert stage.struck == ["struck", "set up 3", "struck"]


def test_what_is_to_be_kept_stays(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["image"], keep=True) == 0
    assert stage.struck == ["struck", "set up 0"]
    verbs.demo(only=None, keep=False, remove=True, json_=False)
    assert stage.struck[-1] == "struck"
    assert "removed" in capsys.readouterr().out


def test_a_simulated_node_and_tenants_of_the_same_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "require_up", lambda *_: record_of(Way.SIMULATED))
    with pytest.raises(UserError, match="simulated"):
        scenes.require_node(paths_in(Path("/nowhere")))
    monkeypatch.setattr(scenes, "require_up", lambda *_: record_of(Way.REAL))
    scenes.require_node(paths_in(Path("/nowhere")))
    monkeypatch.setattr("stacks.tenant_settings.known_tenants", lambda _: ["acme", "demo-dev"])
    with pytest.raises(UserError, match="demo-dev"):
        scenes.require_node(paths_in(Path("/nowhere")))


def test_the_steps_are_counted_and_timed() -> None:
    began = datetime.now(UTC)
    steps = story(Faked(AS_TOLD), ["image"])
    assert [step.title for step in steps] == [
        "the change's bill",
        "gate policy in dev",
        "into dev, approved by bob",
        "verified, and an edit of a copy found",
    ]
    assert sum(step.seconds for step in steps) <= (datetime.now(UTC) - began).total_seconds()
