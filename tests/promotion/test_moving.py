"""Bills that move, and those that are refused."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from groundwork.errors import ExitCode, UserError
from groundwork.verdict import Outcome, Verdict
from groundwork.waiting import wait_until
from promotion.evidence import BILL, OVERRIDE, Override
from promotion.machine import State
from promotion.moving import Outcomes
from promotion.office import Journal
from promotion.settings import Move, read_moves
from promotion.signing import Signed
from tests.promotion.made import MOVE, NOW, World, verdict


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "promotion")


def promoted(world: World, bill: str) -> Outcomes:
    return world.mover.promote(MOVE, bill, "ci")


def refused(world: World, bill: str, why: str, code: ExitCode) -> None:
    outcome = promoted(world, bill)
    assert outcome.state is State.REFUSED
    assert outcome.exit_code is code
    assert why in " ".join(check.why for check in outcome.verdict.checks)
    assert world.place.applied == [], "nothing was touched"
    assert world.events == ["gates-refused"]


def test_a_bill_with_evidence_and_approval_moves(world: World) -> None:
    bill = world.ready("one")
    outcome = promoted(world, bill)
    assert (outcome.state, outcome.exit_code) == (State.PROMOTED, ExitCode.PASS)
    assert world.place.now == bill
    assert world.events == ["gates-passed", "applied", "analysis-passed", "promoted"]
    assert [each.bill for each in world.office.arrivals("local")] == [bill]


def test_no_evidence(world: World) -> None:
    bill = world.bill("one")
    world.approve(bill)
    refused(world, bill, "there is no evidence", ExitCode.INCONCLUSIVE)


def test_evidence_without_samples(world: World) -> None:
    bill = world.ready("one")
    world.show(bill, Verdict.of("load", "local", NOW, {BILL: bill}, []))
    refused(world, bill, "nothing was measured", ExitCode.INCONCLUSIVE)


def test_a_verdict_that_its_checks_do_not_come_to(world: World) -> None:
    bill = world.ready("one")
    found = verdict(bill, outcome=Outcome.INCONCLUSIVE).model_copy(update={"outcome": Outcome.PASS})
    world.show(bill, found)
    refused(world, bill, "do not come to what it says", ExitCode.INCONCLUSIVE)


@pytest.mark.parametrize(
    ("outcome", "code"), [(Outcome.FAIL, ExitCode.FAIL), (Outcome.INCONCLUSIVE, ExitCode.INCONCLUSIVE)]
)
def test_evidence_that_is_no_pass(world: World, outcome: Outcome, code: ExitCode) -> None:
    bill = world.ready("one")
    world.show(bill, verdict(bill, outcome=outcome))
    refused(world, bill, "1 checks", code)


def test_evidence_of_another_digest(world: World) -> None:
    bill, other = world.ready("one"), world.bill("two")
    world.show(bill, verdict(other))
    refused(world, bill, "speaks about another bill", ExitCode.FAIL)


def test_evidence_from_elsewhere(world: World) -> None:
    bill = world.ready("one")
    world.show(bill, verdict(bill, place="dev"))
    refused(world, bill, "was measured in dev", ExitCode.FAIL)


def test_evidence_of_another_gate(world: World) -> None:
    bill = world.ready("one")
    world.show(bill, verdict(bill, gate="policy"))
    refused(world, bill, "evidence of policy", ExitCode.FAIL)


@pytest.mark.parametrize(("age", "why"), [(timedelta(hours=25), "stale"), (timedelta(hours=-1), "from the future")])
def test_evidence_of_another_time(world: World, age: timedelta, why: str) -> None:
    bill = world.ready("one")
    world.show(bill, verdict(bill, at=NOW - age))
    refused(world, bill, why, ExitCode.INCONCLUSIVE)


def test_an_edited_verdict(world: World) -> None:
    bill = world.bill("one")
    world.show(bill, verdict(bill, outcome=Outcome.FAIL))
    world.approve(bill)
    file = next((world.office.folder / "evidence").glob("*.json"))
    file.write_text(file.read_text("utf-8").replace('\\"fail\\"', '\\"pass\\"'), "utf-8")
    assert "pass" in json.loads(file.read_text("utf-8"))["body"]
    refused(world, bill, "was changed after signing", ExitCode.FAIL)


def test_a_damaged_evidence_file(world: World) -> None:
    bill = world.ready("one")
    next((world.office.folder / "evidence").glob("*.json")).write_text("{", "utf-8")
    refused(world, bill, "cannot be believed", ExitCode.FAIL)


def test_evidence_signed_by_somebody_who_may_not(world: World) -> None:
    bill = world.ready("one")
    world.show(bill, by="bob")
    refused(world, bill, "bob may not sign", ExitCode.FAIL)


def test_no_approval(world: World) -> None:
    bill = world.bill("one")
    world.show(bill)
    refused(world, bill, "nobody has approved", ExitCode.INCONCLUSIVE)


def test_the_author_as_approver(world: World) -> None:
    bill = world.ready("one")
    world.approve(bill, by="alice")
    refused(world, bill, "approves none of their own", ExitCode.FAIL)


def test_an_expired_approval(world: World) -> None:
    bill = world.ready("one")
    world.approve(bill, life=timedelta(0))
    refused(world, bill, "approval expired", ExitCode.INCONCLUSIVE)


def test_an_approval_that_says_who_it_is_not(world: World) -> None:
    """Somebody takes bob's approval of another bill for this one."""
    bill, other = world.ready("one"), world.ready("two")
    approvals = world.office.folder / "approval"
    mine, theirs = (approvals / f"{each.removeprefix('sha256:')}+checkout+local.json" for each in (bill, other))
    mine.write_bytes(theirs.read_bytes())
    refused(world, bill, "another bill or another move", ExitCode.FAIL)


def test_an_edited_bill(world: World) -> None:
    bill = world.ready("one")
    file = next((world.office.folder / "bill").glob("*.json"))
    signed = Signed.model_validate_json(file.read_bytes())
    file.write_text(signed.model_copy(update={"body": signed.body.replace("localhost", "elsewhere")}).model_dump_json())
    with pytest.raises(UserError, match="changed after signing"):
        promoted(world, bill)
    assert world.place.applied == []


def allow(world: World, bill: str, life: timedelta, by: str = "carol") -> None:
    reason = "the load generator is down, ticket 12"
    found = Override(gate="load", bill=bill, target="local", reason=reason, at=world.time, expires=world.time + life)
    world.office.keep(world.signers[by].sign(OVERRIDE, found), bill, "local", "load")


def test_an_override_is_loud(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    bill = world.bill("one")
    world.approve(bill)
    allow(world, bill, timedelta(hours=4))
    assert promoted(world, bill).state is State.PROMOTED
    assert "!!! gate load of local OVERRIDDEN by carol" in capsys.readouterr().err
    assert "override-used" in world.events


@pytest.mark.parametrize(
    ("life", "by", "why"),
    [
        (timedelta(hours=-1), "carol", "override expired"),
        (timedelta(days=8), "carol", "longer than 7 days"),
        (timedelta(hours=1), "bob", "bob may not sign"),
    ],
)
def test_overrides_that_do_not_serve(world: World, life: timedelta, by: str, why: str) -> None:
    bill = world.bill("one")
    world.approve(bill)
    allow(world, bill, life, by)
    refused(world, bill, why, ExitCode.INCONCLUSIVE)


def test_no_override_replaces_an_approval(world: World) -> None:
    bill = world.bill("one")
    allow(world, bill, timedelta(hours=1))
    refused(world, bill, "nobody has approved", ExitCode.INCONCLUSIVE)


@pytest.mark.parametrize("how", ["apply", "analysis", "nothing seen"])
def test_what_fails_after_the_change_is_taken_back(world: World, how: str) -> None:
    good, bad = world.ready("good"), world.ready("bad")
    promoted(world, good)
    if how == "apply":
        world.place.breaks.add(bad)
    else:
        world.watcher.bad[bad] = Outcome.FAIL if how == "analysis" else Outcome.INCONCLUSIVE
    outcome = promoted(world, bad)
    assert (outcome.state, outcome.exit_code) == (State.ROLLED_BACK, ExitCode.FAIL)
    assert world.place.now == good
    assert [each.bill for each in world.office.arrivals("local")] == [good]


@pytest.mark.parametrize(("notice", "percents"), [(1, [10]), (2, [10, 50]), (3, [10, 50, 100])])
def test_what_callers_notice_in_a_stage_is_taken_back_at_once(world: World, notice: int, percents: list[int]) -> None:
    good, bad = world.ready("good"), world.ready("bad")
    promoted(world, good)
    world.watcher.bad[bad], world.watcher.notice = Outcome.FAIL, notice
    watched: list[bool] = []
    world.place.during = lambda: watched.append(world.watcher.watching_now)
    outcome = promoted(world, bad)
    assert (outcome.state, outcome.exit_code) == (State.ROLLED_BACK, ExitCode.FAIL)
    assert world.place.stages == [(bad, percent) for percent in percents]
    assert world.place.applied[-1] == good, "nothing of the bad one was applied further"
    assert watched == [True], "callers are asked on the way back too"
    assert any(check.name.startswith(f"{percents[-1]} %") for check in outcome.verdict.checks)
    assert world.events[-3:] == ["stage", "analysis-refused", "applied"]


def test_each_stage_is_in_the_log(world: World) -> None:
    promoted(world, world.ready("one"))
    two = world.ready("two")
    assert promoted(world, two).state is State.PROMOTED
    stages = [entry.data["stage"] for entry in world.office.log.entries() if entry.event == "stage"]
    assert stages == [f"{percent} % to the candidates" for percent in (10, 50, 100)]


def test_ctrl_c_on_the_way_back_goes_on_back(world: World) -> None:
    good, bad = world.ready("good"), world.ready("bad")
    promoted(world, good)
    world.watcher.bad[bad], world.watcher.notice = Outcome.FAIL, 1

    def interrupt() -> None:
        world.place.during = lambda: None
        raise KeyboardInterrupt

    world.place.during = interrupt
    with pytest.raises(KeyboardInterrupt):
        promoted(world, bad)
    assert world.place.now == good
    journal = world.office.journal("local")
    assert journal is not None
    assert journal.state is State.ROLLED_BACK


def test_a_way_back_that_fails_is_said(world: World) -> None:
    good, bad = world.ready("good"), world.ready("bad")
    promoted(world, good)
    world.place.breaks |= {good, bad}
    outcome = promoted(world, bad)
    assert (outcome.state, outcome.exit_code) == (State.STUCK, ExitCode.ERROR)
    world.place.breaks.clear()
    assert promoted(world, good).state is State.PROMOTED, "the next one can mend it"


def test_ctrl_c_leads_back_too(world: World) -> None:
    good, bad = world.ready("good"), world.ready("bad")
    promoted(world, good)

    def interrupt() -> None:
        world.place.during = lambda: None
        raise KeyboardInterrupt

    world.place.during = interrupt
    with pytest.raises(KeyboardInterrupt):
        promoted(world, bad)
    assert world.place.now == good


@pytest.mark.parametrize("state", [State.APPLYING, State.ANALYSING, State.ROLLING_BACK])
def test_a_killed_move_is_taken_back_by_the_next(world: World, state: State) -> None:
    good, bad, next_ = (world.ready(name) for name in ("good", "bad", "next"))
    promoted(world, good)
    world.place.now = f"half of {bad}"
    world.office.write(Journal(environment="local", bill=bad, previous=good, by="ci", state=state, at=NOW))
    world.place.applied.clear()
    assert promoted(world, next_).state is State.PROMOTED
    assert world.place.applied == [good, next_]


def test_rollback_goes_to_any_earlier_bill(world: World) -> None:
    bills = [world.ready(name) for name in ("one", "two", "three")]
    for bill in bills:
        promoted(world, bill)
    assert world.mover.rollback("local", None, "alice", "wrong answers").bill == bills[1]
    assert world.place.now == bills[1]
    assert world.mover.rollback("local", 1, "alice", "still wrong").bill == bills[0]
    assert [each.event for each in world.office.arrivals("local")] == ["promoted"] * 3 + ["restored"] * 2
    assert world.office.log.entries()[-1].data["reason"] == "still wrong"
    with pytest.raises(UserError, match="no such earlier bill"):
        world.mover.rollback("local", 9, "alice", "?")


def test_rollback_with_nothing_before(world: World) -> None:
    promoted(world, world.ready("one"))
    with pytest.raises(UserError, match="no such earlier bill"):
        world.mover.rollback("local", None, "alice", "?")


def test_two_at_once_one_waits(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = world.ready("one"), world.ready("two")
    inside, go = threading.Event(), threading.Event()

    def during() -> None:
        world.place.during = lambda: None
        inside.set()
        assert go.wait(20)

    world.place.during = during
    threads = [threading.Thread(target=promoted, args=(world, bill)) for bill in (one, two)]
    threads[0].start()
    assert inside.wait(20)
    threads[1].start()
    seen: list[str] = []

    def waits() -> bool:
        seen.append(capsys.readouterr().err)
        return "waiting for it" in "".join(seen)

    assert wait_until(waits, 20)
    assert world.place.applied == [one]
    go.set()
    for thread in threads:
        thread.join(20)
    assert world.place.applied == [one, two]
    assert [each.bill for each in world.office.arrivals("local")] == [one, two]


def test_nothing_moves_on_a_damaged_log(world: World) -> None:
    promoted(world, world.ready("one"))
    log = world.office.log.file
    log.write_text(log.read_text("utf-8").replace("local", "prod", 1), "utf-8")
    two = world.ready("two")
    with pytest.raises(UserError, match="audit log is damaged"):
        promoted(world, two)
    assert two not in world.place.applied


def test_soak_and_the_bill_that_is_there(world: World) -> None:
    """From one environment to the next goes what is there, after it has stood there."""
    bill = world.ready("one")
    promoted(world, bill)
    move = Move(
        origin="local", target="next", gates={"load": timedelta(days=1)}, soak=timedelta(hours=2), analysis="shift"
    )
    for hours, why in ((1, Outcome.INCONCLUSIVE), (3, Outcome.PASS)):
        world.time = NOW + timedelta(hours=hours)
        checks = {check.name: check for check in world.mover.promote(move, None, "ci").verdict.checks}
        assert checks["soak"].outcome is why
        assert checks["load"].outcome is Outcome.PASS
        assert checks["approval"].outcome is Outcome.INCONCLUSIVE
    other = world.ready("two")
    with pytest.raises(UserError, match="promote what is there"):
        world.mover.promote(move, other, "ci")


def test_our_moves_can_be_read() -> None:
    moves = read_moves()
    assert moves.find("staging", "prod").gates.keys() >= {"policy", "rehearsal", "load", "resilience", "budget"}
    with pytest.raises(UserError, match="nothing moves from dev to prod"):
        moves.find("dev", "prod")
