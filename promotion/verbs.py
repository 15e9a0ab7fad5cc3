"""The command line's verbs for what moves between environments: bill, evidence, approve, promote, rollback, audit."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel, ValidationError

from groundwork.console import print_columns, progress
from groundwork.errors import ExitCode, UserError

if TYPE_CHECKING:
    from promotion.moving import Mover, Outcomes
    from promotion.office import Office
    from promotion.signing import Keys, Signed, Signer, Trust

bills = typer.Typer(help="Bills of materials: what moves between environments.", no_args_is_help=True)
evidence = typer.Typer(help="What was shown of a bill.", no_args_is_help=True)
principals = typer.Typer(help="Who signs.", no_args_is_help=True)
audit = typer.Typer(help="The log of every move, which nobody can change unseen.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
As = Annotated[str, typer.Option("--as", help="Who you are: a principal whose key is here.", metavar="NAME")]
BillName = Annotated[str, typer.Argument(help="A bill's digest, its first digits, or `last`.", metavar="BILL")]
CLERK = "audit"


def register(app: typer.Typer) -> None:
    """Add this folder's verbs to the command line."""
    for verb in (approve, override, promote, rollback):
        app.command()(verb)
    for name, group in (("bill", bills), ("evidence", evidence), ("principal", principals), ("audit", audit)):
        app.add_typer(group, name=name)


@principals.command("create")
def create_principal(name: Annotated[str, typer.Argument(help="Lower case, such as alice or ci.")]) -> None:
    """Make a key, and print the lines for promotion/principals.yaml. The key stays in the data folder.

    Example:
      groundwork principal create alice
    """
    signer = _keys().make(name)
    print(f"  {name}:\n    publicKey: {signer.public_key}\n    roles: []")


@bills.command("create")
def create_bill(as_: As, json_: Json = False) -> None:
    """Write down what the checkout and the built images are, signed by its author.

    Example:
      groundwork bill create --as alice
    """
    from local.paths import CHECKOUT, Paths
    from local.toolchain import CHARTS, PROGRAMS, pins
    from promotion.bill import KIND
    from promotion.making import built_images, make_bill

    paths = Paths.for_user()
    charts = {"istio": pins.folder(PROGRAMS[CHARTS[0]].pin, paths.toolchain) / "charts"}
    bill = make_bill(CHECKOUT, as_, datetime.now(UTC), built_images(paths.image_digests), charts)
    file = _office().keep(_signed(as_, KIND, bill), bill.digest)
    print(json.dumps({"bill": bill.digest, "file": str(file)}) if json_ else bill.digest)


@bills.command("show")
def show_bill(bill: BillName = "last") -> None:
    """Print a bill, after its signature was checked.

    Example:
      groundwork bill show last
    """
    found, _ = _office().bill(bill)
    print(found.model_dump_json(indent=2))


@bills.command("history")
def history(environment: Annotated[str, typer.Argument(help="The environment.")], json_: Json = False) -> None:
    """List the bills that came into an environment; the number is what `rollback --to` takes.

    Example:
      groundwork bill history local
    """
    there = _office().arrivals(environment)
    if json_:
        print(json.dumps([{**vars(each), "at": each.at.isoformat()} for each in there], indent=2))
        return
    rows = [(str(each.number), f"{each.at:%Y-%m-%d %H:%M:%S}", each.event, each.by, each.bill) for each in there]
    print_columns([("number", "at (UTC)", "event", "by", "bill"), *rows])


@evidence.command("add")
def add_evidence(
    gate: Annotated[str, typer.Argument(help="policy, preview, rehearsal, load, resilience or budget.")],
    verdict: Annotated[Path, typer.Argument(help="A verdict's file, about this bill.")],
    as_: As,
    bill: Annotated[str, typer.Option(help="The bill.")] = "last",
) -> None:
    """Sign a gate's verdict as evidence for the bill that it speaks about.

    Example:
      groundwork evidence add load verdict.json --as ci
    """
    from groundwork.verdict import Verdict
    from promotion.evidence import BILL, EVIDENCE, Evidence

    office = _office()
    digest = office.bill(bill)[0].digest
    try:
        found = Verdict.model_validate_json(verdict.read_bytes())
    except (OSError, ValidationError) as error:
        raise UserError(what=f"is no verdict: {error}", where=str(verdict)) from None
    if found.gate != gate or found.about.get(BILL) != digest:
        raise UserError(
            what=f"is a verdict of {found.gate} about bill {found.about.get(BILL, 'none')}",
            where=str(verdict),
            allowed=f"one of {gate} about {digest}",
            code=ExitCode.FAIL,
        )
    shown = Evidence(gate=gate, bill=digest, environment=found.environment, verdict=found)
    print(office.keep(_signed(as_, EVIDENCE, shown), digest, found.environment, gate))


def approve(
    bill: BillName,
    origin: Annotated[str, typer.Argument(help="Where it comes from.")],
    target: Annotated[str, typer.Argument(help="Where it may go.")],
    as_: As,
    expires: Annotated[str, typer.Option(help="How long it is good for.")] = "7d",
) -> None:
    """Let one bill go from one environment to another. Its author cannot.

    Example:
      groundwork approve last checkout local --as bob
    """
    from promotion.evidence import APPROVAL, Approval

    office, now = _office(), datetime.now(UTC)
    found, author = office.bill(bill)
    if author == as_:
        raise UserError(what=f"{as_} is the bill's author", allowed="somebody else's approval", code=ExitCode.FAIL)
    approval = Approval(bill=found.digest, origin=origin, target=target, at=now, expires=now + _duration(expires))
    office.keep(_signed(as_, APPROVAL, approval), found.digest, origin, target)
    office.record(now, "approved", as_, target, bill=found.digest, origin=origin)
    print(f"{as_} approves {found.digest} from {origin} to {target}")


def override(  # noqa: PLR0913, PLR0917 – one parameter an option
    gate: Annotated[str, typer.Argument(help="The gate.")],
    bill: BillName,
    target: Annotated[str, typer.Argument(help="Where the bill goes.")],
    reason: Annotated[str, typer.Option(help="Why; it stays in the log.")],
    as_: As,
    expires: Annotated[str, typer.Option(help="How long it is good for; at most 7d.")] = "4h",
) -> None:
    """Let one bill pass one gate that it has not passed. It is written down, and said at every use.

    Example:
      groundwork override load last prod --reason "the load generator is down, see ticket 12" --as carol
    """
    from promotion.evidence import LONGEST_OVERRIDE, OVERRIDE, Override

    office, now = _office(), datetime.now(UTC)
    found, _ = office.bill(bill)
    life = _duration(expires)
    if life > LONGEST_OVERRIDE:
        raise UserError(what=f"--expires: {expires} is too long", allowed=f"at most {LONGEST_OVERRIDE.days}d")
    try:
        wanted = Override(gate=gate, bill=found.digest, target=target, reason=reason, at=now, expires=now + life)
    except ValidationError:
        raise UserError(what="the reason is too short or too long", allowed="10 to 500 characters") from None
    office.keep(_signed(as_, OVERRIDE, wanted), found.digest, target, gate)
    office.record(
        now, "override", as_, target, bill=found.digest, gate=gate, reason=reason, expires=str(wanted.expires)
    )
    print(f"!!! {as_} lets {found.digest} pass the gate {gate} of {target} until {wanted.expires:%Y-%m-%d %H:%M} UTC")


def promote(
    origin: Annotated[str, typer.Argument(help="Where the bill is; `checkout` for a new one.")],
    target: Annotated[str, typer.Argument(help="Where it goes.")],
    as_: As,
    bill: Annotated[str | None, typer.Option(help="The bill; the one that is there if none is named.")] = None,
    json_: Json = False,
) -> None:
    """Move a bill, if its evidence and an approval let it; whatever fails after the change leads back.

    Examples:
      groundwork promote checkout local --as alice
      groundwork promote dev staging --as ci
    """
    from promotion.settings import read_moves

    move = read_moves().find(origin, target)
    _order(as_, f"promote {origin} {target}")
    _end(_mover().promote(move, bill, as_), json_)


def rollback(
    environment: Annotated[str, typer.Argument(help="The environment.")],
    as_: As,
    reason: Annotated[str, typer.Option(help="Why; it stays in the log.")],
    to: Annotated[
        int | None, typer.Option(help="A number of `groundwork bill history`; the one before if none.")
    ] = None,
    json_: Json = False,
) -> None:
    """Back to an earlier bill, at once. Data is kept.

    Example:
      groundwork rollback local --as alice --reason "answers are wrong since this morning"
    """
    _order(as_, f"rollback {environment}")
    _end(_mover().rollback(environment, to, as_, reason), json_)


@audit.command()
def verify(
    head: Annotated[
        str | None, typer.Option(help="A head that was noted earlier: it must be in the log still.")
    ] = None,
) -> None:
    """Check every entry's signature and place. Exit code 99 where anything was edited, removed or moved.

    Examples:
      groundwork audit verify
      groundwork audit verify --head 12:sha256:…
    """
    log = _office().log
    entries = log.entries()
    if head is not None and not log.holds(head):
        raise UserError(what=f"the head {head} is not in this log", where=str(log.file), code=ExitCode.FAIL)
    print(f"{len(entries)} entries, all as they were written; head {log.head}")


@audit.command()
def path() -> None:
    """Print where the log is.

    Example:
      groundwork audit path
    """
    print(_office().log.file)


@audit.command("show")
def show_audit(
    environment: Annotated[str | None, typer.Argument(help="Only this one.")] = None, json_: Json = False
) -> None:
    """Print the log, verified.

    Example:
      groundwork audit show local
    """
    entries = [entry for entry in _office().log.entries() if environment in {None, entry.environment}]
    if json_:
        print(json.dumps([entry.model_dump(mode="json") for entry in entries], indent=2))
        return
    for entry in entries:
        data = " ".join(f"{key}={value}" for key, value in entry.data.items())
        print(f"{entry.number} {entry.at:%Y-%m-%d %H:%M:%S} {entry.environment} {entry.event} by {entry.by}: {data}")


def _end(outcome: Outcomes, json_: bool) -> None:
    if json_:
        print(
            json.dumps(
                {"state": outcome.state, "bill": outcome.bill, "verdict": outcome.verdict.model_dump(mode="json")}
            )
        )
    else:
        rows = [(str(check.outcome), check.name, check.measured, check.why) for check in outcome.verdict.checks]
        print_columns([("", "check", "measured", "why"), *rows])
        print(f"{outcome.bill}: {outcome.state.upper()}")
    sys.stdout.flush()
    raise typer.Exit(outcome.exit_code)


def _duration(text: str) -> timedelta:
    from pydantic_core import PydanticCustomError

    from components.units import DURATION, parse_duration

    try:
        return parse_duration(text)
    except PydanticCustomError:
        raise UserError(what=f"{text!r} is not a duration", allowed=DURATION) from None


def _signed(name: str, kind: str, document: BaseModel) -> Signed:
    """Signed with a principal's key, where that principal may: what nobody would believe is not written at all."""
    from promotion.signing import SIGNERS, Untrusted

    signed = _keys().signer(name).sign(kind, document)
    try:
        _trust().check(signed, kind, SIGNERS[kind])
    except Untrusted as error:
        raise UserError(what=str(error), where="promotion/principals.yaml", code=ExitCode.FAIL) from None
    return signed


def _order(name: str, command: str) -> None:
    """Only an operator whose key is here moves anything. Raises UserError."""
    from promotion.signing import Order

    _signed(name, "order", Order(command=command, at=datetime.now(UTC)))


def running_bill(bill: str, environment: str) -> str:
    """The digest of a bill, where an environment of this machine runs just its images. Raises UserError."""
    from local.paths import Paths
    from local.up import cluster_of, require_up
    from promotion.here import running_images

    found, _ = _office().bill(bill)
    paths = Paths.for_user()
    wrong = found.differences(running_images(cluster_of(require_up(environment, paths), paths), found))
    if wrong:
        raise UserError(what=f"what runs is not the bill: {'; '.join(wrong)}", where=environment, code=ExitCode.FAIL)
    return found.digest


def _keys() -> Keys:
    from local.paths import Paths
    from promotion.signing import Keys

    return Keys(Paths.for_user().data / "promotion" / "keys")


def _trust() -> Trust:
    """Who stands in promotion/principals.yaml, and this machine's audit log."""
    from promotion.settings import HERE
    from promotion.signing import Principal, Role, Trust, read_principals

    file = os.environ.get("GROUNDWORK_PRINCIPALS")
    known = read_principals(Path(file) if file else HERE / "principals.yaml")
    if CLERK not in known:
        known[CLERK] = Principal.of(_clerk().public_key, Role.LOG)
    return Trust(known)


def _clerk() -> Signer:
    keys = _keys()
    return keys.signer(CLERK) if (keys.folder / f"{CLERK}.pem").exists() else keys.make(CLERK)


def _office() -> Office:
    from local.paths import Paths
    from promotion.office import Office

    return Office(folder=Paths.for_user().data / "promotion", trust=_trust(), clerk=_clerk())


def _mover() -> Mover:
    from local.paths import Paths
    from promotion.analysis import LoadAnalyser
    from promotion.here import LocalApplier
    from promotion.moving import Mover

    paths, shown = Paths.for_user(), progress()
    return Mover(
        office=_office(),
        applier=LocalApplier(paths=paths, progress=shown),
        analyser=LoadAnalyser(paths=paths, progress=shown),
        progress=shown,
        now=lambda: datetime.now(UTC),
    )
