"""People with keys, bills, and environments that only remember what was applied to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from groundwork.console import PlainProgress
from groundwork.errors import UserError
from groundwork.verdict import Check, Outcome, Verdict
from promotion.bill import KIND, Bill, sha256
from promotion.evidence import APPROVAL, BILL, EVIDENCE, Approval, Evidence
from promotion.moving import Applier, Mover
from promotion.office import Office
from promotion.settings import Move, Shift
from promotion.shift import Part, Stage
from promotion.signing import Principal, Role, Signer, Trust

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
PEOPLE = {
    "alice": (Role.AUTHOR, Role.APPROVER, Role.OPERATOR),
    "bob": (Role.APPROVER,),
    "carol": (Role.OVERRIDER,),
    "ci": (Role.COLLECTOR, Role.OPERATOR),
    "audit": (Role.LOG,),
}
MOVE = Move(origin="checkout", target="local", gates={"load": timedelta(days=1)}, analysis="shift")


def verdict(
    bill: str, gate: str = "load", at: datetime = NOW, outcome: Outcome = Outcome.PASS, place: str = "local"
) -> Verdict:
    return Verdict.of(gate, place, at, {BILL: bill}, [Check(name="p(99)", outcome=outcome)])


@dataclass
class Place:
    """An environment. `breaks`: bills that cannot be applied; `during`: called while one is.

    A shift has three stages; `stages`: those that were over, as bill and percentage.
    """

    now: str | None = None
    applied: list[str] = field(default_factory=list)
    breaks: set[str] = field(default_factory=set)
    during: Callable[[], None] = lambda: None
    stages: list[tuple[str, int]] = field(default_factory=list)

    def apply(self, environment: str, bill: Bill) -> None:
        assert environment == "local"
        self.applied.append(bill.digest)
        self.now = f"half of {bill.digest}"
        self.during()
        if bill.digest in self.breaks:
            raise UserError(what="a pod does not start")
        self.now = bill.digest

    def shift(self, environment: str, serving: Bill, bill: Bill, percents: Sequence[int]) -> Iterator[Stage]:
        assert self.now == serving.digest
        self.now = f"half of {bill.digest}"
        for percent in (*percents, 100):
            self.stages.append((bill.digest, percent))
            yield Stage(part=Part.ROUTES, percent=percent, analysed=True)
        self.apply(environment, bill)


@dataclass
class Watcher:
    """`bad`: bills that callers notice; `notice`: from how many stages on they do, None where only at the end."""

    bad: dict[str, Outcome] = field(default_factory=dict)
    notice: int | None = None
    watching_now: bool = False

    @contextmanager
    def watching(self, environment: str, bill: str, plan: str) -> Iterator[Watched]:
        assert (environment, plan) == ("local", "shift")
        self.watching_now = True
        yield Watched(bill, self.bad.get(bill, Outcome.PASS), self.notice)
        self.watching_now = False


@dataclass
class Watched:
    bill: str
    outcome: Outcome
    notice: int | None
    asked: int = 0

    def now(self, shift: Shift) -> Verdict:
        assert shift.rules
        self.asked += 1
        seen = self.notice is not None and self.asked >= self.notice
        return verdict(self.bill, outcome=self.outcome if seen else Outcome.PASS)

    def verdict(self) -> Verdict:
        return verdict(self.bill, outcome=self.outcome)


class World:
    """Everything that a move needs, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.signers = {name: Signer(name, Ed25519PrivateKey.generate()) for name in PEOPLE}
        self.trust = Trust(
            {name: Principal.of(self.signers[name].public_key, *roles) for name, roles in PEOPLE.items()}
        )
        self.office = Office(folder=folder, trust=self.trust, clerk=self.signers["audit"])
        self.place, self.watcher, self.time = Place(), Watcher(), NOW

    def principals(self, folder: Path) -> Path:
        """A file that says who may sign what, as promotion/principals.yaml."""
        known = {
            name: {"publicKey": self.signers[name].public_key, "roles": [role.value for role in roles]}
            for name, roles in PEOPLE.items()
        }
        file = folder / "principals.yaml"
        file.write_text(yaml.safe_dump({"principals": known}), "utf-8")
        return file

    @property
    def mover(self) -> Mover:
        return self.mover_of(self.place)

    def mover_of(self, applier: Applier) -> Mover:
        return Mover(
            office=self.office,
            applier=applier,
            analyser=self.watcher,
            progress=PlainProgress(),
            now=lambda: self.time,
        )

    def bill(self, tag: str, author: str = "alice") -> str:
        """A bill that differs from others by its tag."""
        bill = Bill(
            author=author,
            made=NOW,
            source="0" * 40,
            images={"agent-runtime": f"localhost/groundwork/agent-runtime@{sha256(tag.encode())}"},
            charts={},
            settings={"Pulumi.local.yaml": sha256(b"settings")},
            policies={},
            program={},
            sboms={},
        )
        self.office.keep(self.signers[author].sign(KIND, bill), bill.digest)
        return bill.digest

    def real(self, source: str, images: Mapping[str, str]) -> str:
        """A bill of a commit and images that are there, which may be promoted."""
        nothing: dict[str, str] = {}
        bill = Bill(
            author="alice",
            made=self.time,
            source=source,
            images=images,
            charts=nothing,
            settings=nothing,
            policies=nothing,
            program=nothing,
            sboms=nothing,
        )
        self.office.keep(self.signers["alice"].sign(KIND, bill), bill.digest)
        self.show(bill.digest)
        self.approve(bill.digest)
        return bill.digest

    def show(self, bill: str, found: Verdict | None = None, by: str = "ci") -> None:
        """Evidence of the load gate."""
        shown = found or verdict(bill, at=self.time)
        evidence = Evidence(gate="load", bill=bill, environment="local", verdict=shown)
        self.office.keep(self.signers[by].sign(EVIDENCE, evidence), bill, "local", "load")

    def approve(self, bill: str, by: str = "bob", life: timedelta = timedelta(days=7)) -> None:
        approval = Approval(bill=bill, origin="checkout", target="local", at=self.time, expires=self.time + life)
        self.office.keep(self.signers[by].sign(APPROVAL, approval), bill, "checkout", "local")

    def ready(self, tag: str) -> str:
        """A bill that may be promoted."""
        bill = self.bill(tag)
        self.show(bill)
        self.approve(bill)
        return bill

    @property
    def events(self) -> list[str]:
        return [entry.event for entry in self.office.log.entries()]
