"""The scene of the demo: three tenants of the environment `local` on the node that is up, each a place of promotions.

Keys, bills, evidence, log and load runs are in a folder of their own; all of it goes when the scene is struck.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from groundwork.files import write_atomically
from groundwork.verdict import Check, Outcome, Verdict
from local import record
from local.answer import AgentRow, ask_all
from local.layers import Layers
from local.paths import CHECKOUT, Paths
from local.record import Way
from local.up import cluster_of, operator_of, require_up
from promotion.audit import Log
from promotion.bill import KIND
from promotion.demo.chapters import APPROVER, AUTHOR, DEV, PIPELINE, PROD, STAGING, Chapter, short
from promotion.demo.policy import judge_bill
from promotion.demo.repository import AGENT, Repository, agent
from promotion.evidence import APPROVAL, BILL, EVIDENCE, Approval, Evidence
from promotion.here import LocalApplier, work_tree
from promotion.making import built_images, make_bill
from promotion.moving import Mover, Outcomes
from promotion.office import PROMOTED, Office
from promotion.settings import Move, read_moves
from promotion.signing import Keys, Principal, Role, Signer, Trust
from stacks.settings import from_file, settings_file

HERE = Path(__file__).parent
CLERK = "audit"
# The author may approve, so that it is not her role that stops her, but that it is her own.
PEOPLE = {
    AUTHOR: (Role.AUTHOR, Role.APPROVER),
    APPROVER: (Role.APPROVER,),
    PIPELINE: (Role.COLLECTOR, Role.OPERATOR),
    CLERK: (Role.LOG,),
}
PLACES = (DEV, STAGING, PROD)
TENANTS = tuple(place.partition(".")[2] for place in PLACES)
ENVIRONMENT = DEV.partition(".")[0]


def folder(paths: Paths) -> Path:
    """Where all of the demo is kept."""
    return paths.data / "demo"


@dataclass(frozen=True, kw_only=True)
class Here:
    """See `Scene`. `home`: the demo's folder; `signers`: its people."""

    paths: Paths
    progress: Progress
    home: Path
    moves: Sequence[Move]
    signers: dict[str, Signer]
    office: Office
    repository: Repository
    mover: Mover

    @classmethod
    def build(cls, paths: Paths, progress: Progress) -> Here:
        """People, their keys, an office and a repository; nothing is on the node yet. Raises UserError."""
        from promotion.analysis import LoadAnalyser

        home = folder(paths)
        keys = Keys(home / "keys")
        signers = {name: keys.make(name) for name in PEOPLE}
        known = {name: Principal.of(signers[name].public_key, *roles) for name, roles in PEOPLE.items()}
        principals = home / "principals.yaml"
        listed = {name: each.model_dump(mode="json", by_alias=True) for name, each in known.items()}
        write_atomically(principals, yaml.safe_dump({"principals": listed}))
        office = Office(folder=home / "promotion", trust=Trust(known), clerk=signers[CLERK])
        repository = Repository(home / "checkout", TENANTS)
        applier = LocalApplier(
            paths=paths,
            progress=progress,
            signed=office.signed,
            principals=principals,
            checkout=repository.folder,
            trees=home / "trees",
        )
        mover = Mover(
            office=office,
            applier=applier,
            analyser=LoadAnalyser(paths=paths, progress=progress, runs=home / "load"),
            progress=progress,
            now=_now,
        )
        return cls(
            paths=paths,
            progress=progress,
            home=home,
            moves=moves(),
            signers=signers,
            office=office,
            repository=repository,
            mover=mover,
        )

    def set_up(self, places: Sequence[str]) -> None:
        """The agent as it is at first, in these places: a first bill has nothing that it could be compared with.

        Raises UserError.
        """
        digest = self._signed(self.repository.begin())
        made, settings = require_up(ENVIRONMENT, self.paths), from_file(settings_file(ENVIRONMENT, CHECKOUT))
        cluster = cluster_of(made, self.paths)
        beside = Layers(settings, made, cluster, self.paths, self.progress)
        beside.bring([place.partition(".")[2] for place in places])
        for place in places:
            self.mover.applier.apply(place, self.office.bill(digest)[0])
            self.office.record(_now(), PROMOTED, PIPELINE, place, bill=digest, first="nothing to compare with")
        if places and made.way is not Way.SIMULATED:
            beside.allow()
            ask_all([_row(place, settings.domain) for place in places], cluster, self.progress)

    def bill(self, chapter: Chapter) -> str:
        """See `Scene`."""
        return self._signed(self.repository.commit(chapter.manifest(agent(), self._images())))

    def measure(self, gate: str, place: str, bill: str) -> Verdict:
        """See `Scene`."""
        gates: dict[str, Callable[[str, str], Verdict]] = {
            "policy": self._policy,
            "load": self._load,
            "resilience": self._resilience,
        }
        verdict = gates[gate](place, bill)
        shown = Evidence(gate=gate, bill=bill, environment=place, verdict=verdict)
        self.office.keep(self.signers[PIPELINE].sign(EVIDENCE, shown), bill, place, gate)
        return verdict

    def approve(self, move: Move, bill: str, by: str) -> None:
        """See `Scene`."""
        now = _now()
        approval = Approval(bill=bill, origin=move.origin, target=move.target, at=now, expires=now + timedelta(hours=1))
        self.office.keep(self.signers[by].sign(APPROVAL, approval), bill, move.origin, move.target)
        self.office.record(now, "approved", by, move.target, bill=bill, origin=move.origin)

    def promote(self, move: Move, bill: str) -> Outcomes:
        """See `Scene`."""
        return self.mover.promote(move, bill, PIPELINE)

    def serving(self, place: str) -> str:
        """See `Scene`."""
        return self.office.arrivals(place)[-1].bill

    def verify(self) -> Verdict:
        """See `Scene`. A log in which one word was changed must be found out, otherwise it proves nothing."""
        entries = self.office.log.entries()
        whole = Outcome.PASS if entries else Outcome.INCONCLUSIVE
        checks = [Check(name="log", outcome=whole, measured=f"{len(entries)} entries, head {self.office.log.head}")]
        changed = Log(file=self.home / "changed" / "audit.jsonl", trust=self.office.trust)
        lines = self.office.log.file.read_text("utf-8").replace(AUTHOR, APPROVER, 1)
        write_atomically(changed.file, lines)
        write_atomically(
            changed.file.with_suffix(".head"), self.office.log.file.with_suffix(".head").read_text("utf-8")
        )
        try:
            changed.entries()
        except UserError as error:
            checks.append(Check(name="an edited copy", outcome=Outcome.PASS, why=error.what))
        else:
            checks.append(Check(name="an edited copy", outcome=Outcome.FAIL, why="nobody saw that it was edited"))
        return Verdict.of("audit", ENVIRONMENT, _now(), {}, checks)

    def _signed(self, commit: str) -> str:
        bill = make_bill(self.repository.folder, AUTHOR, _now(), self._images(), {})
        if bill.source != commit:
            raise UserError(what="the demo's repository was changed meanwhile", where=str(self.repository.folder))
        self.office.keep(self.signers[AUTHOR].sign(KIND, bill), bill.digest)
        self.office.record(_now(), "signed", AUTHOR, ENVIRONMENT, bill=bill.digest, commit=commit)
        return bill.digest

    def _images(self) -> dict[str, str]:
        return built_images(self.paths.image_digests)

    def _policy(self, place: str, digest: str) -> Verdict:
        from policies.gate import Tools

        bill, _ = self.office.bill(digest)
        tree = work_tree(self.repository.folder, self.home / "trees", bill.source)
        with self.progress.step("policies on what the bill's program asks for"):
            # The checkout's other files are no part of what is moved: `groundwork policy check` looks at them.
            tools = replace(Tools.of(self.paths.cache, self.progress), checkout=None)
            found = judge_bill(bill, tree, PLACES, place, tools)
        for line in found.refusals[:1]:
            self.progress.say(f"    {line}")
        return found.verdict

    def _load(self, place: str, digest: str) -> Verdict:
        from loadtests.execute import Request, execute
        from loadtests.plan import read_plan
        from loadtests.store import Store

        self._require(place, digest)
        plan = read_plan(_plan(f"load-{short(place)}"))
        request = Request(plan=plan, environment=place, about={BILL: digest})
        return execute(request, Store(self.home / "load"), self.progress)[0].verdict

    def _resilience(self, place: str, digest: str) -> Verdict:
        from loadtests.experiment import read_experiment
        from loadtests.faults.state import all_settled, declared
        from loadtests.resilience import Surroundings, try_experiment

        self._require(place, digest)
        found = read_experiment(str(HERE / "pod-killed.yaml"))
        expects = found.expects.model_copy(update={"load": _plan(found.expects.load)})
        around = Surroundings(declared=declared, settled=all_settled)
        return try_experiment(replace(found, expects=expects), place, self.progress, around, {BILL: digest})

    def _require(self, place: str, digest: str) -> None:
        """A verdict is about what runs there: that must be the bill."""
        if self.serving(place) != digest:
            raise UserError(what=f"in {place} is {self.serving(place)}, not {digest}", code=ExitCode.ERROR)


def moves() -> list[Move]:
    """The demo's own, with the files of their plans."""
    return [
        move.model_copy(update={"analysis": _plan(move.analysis)}) for move in read_moves(HERE / "moves.yaml").moves
    ]


def require_node(paths: Paths) -> None:
    """Raise UserError unless the environment is up on a real node, and nobody has tenants of the demo's names."""
    from stacks.tenant_settings import known_tenants

    if require_up(ENVIRONMENT, paths).way is Way.SIMULATED:
        raise UserError(
            what="the node is a simulated one, on which no agent answers",
            fix="groundwork doctor says what a real needs",
        )
    double = sorted(set(TENANTS) & set(known_tenants(CHECKOUT)))
    if double:
        raise UserError(
            what=f"you have a tenant {double[0]!r} yourself", fix="rename it: the demo makes one of its own"
        )


@contextmanager
def turn(paths: Paths) -> Iterator[None]:
    """One demo at a time; the kernel frees it when the process dies. Raises UserError where another runs."""
    paths.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(paths.data / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(what="another demo runs on this machine", fix="wait for its end") from None
    else:
        yield
    finally:
        os.close(descriptor)


def strike(paths: Paths, progress: Progress) -> bool:
    """Remove all that a demo has made, on the node and here; whether there was anything. Can be run again."""
    from local.tenants.life import Tenants

    made, there = record.read(paths), folder(paths).exists()
    if made is not None and made.stack == ENVIRONMENT:
        stacks = operator_of(made, paths, progress).engine.stacks_on(ENVIRONMENT)
        names = [place.partition(".")[2] for place in PLACES if place in stacks]
        if names:
            there = True
            Tenants(environment=ENVIRONMENT, paths=paths, progress=progress).delete(names, keep_folder=True)
    shutil.rmtree(folder(paths), ignore_errors=True)
    return there


def _row(place: str, domain: str) -> AgentRow:
    tenant, name = place.partition(".")[2], AGENT.stem
    return AgentRow(tenant=tenant, agent=name, tier="standard", address=f"https://{tenant}.{domain}/agents/{name}")


def _plan(name: str) -> str:
    return str(HERE / "plans" / f"{name}.yaml")


def _now() -> datetime:
    return datetime.now(UTC)
