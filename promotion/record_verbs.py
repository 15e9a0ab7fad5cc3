"""The command line's verbs for what is written down: principals, bills, evidence, and the log of moves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from groundwork.console import print_columns
from groundwork.errors import ExitCode, UserError
from promotion import desk
from promotion.desk import As, BillName, Json

bills = typer.Typer(help="Bills of materials: what moves between environments.", no_args_is_help=True)
evidence = typer.Typer(help="What was shown of a bill.", no_args_is_help=True)
principals = typer.Typer(help="Who signs.", no_args_is_help=True)
audit = typer.Typer(help="The log of every move, which nobody can change unseen.", no_args_is_help=True)


@principals.command("create")
def create_principal(name: Annotated[str, typer.Argument(help="Lower case, such as alice or ci.")]) -> None:
    """Make a key, and print the lines for promotion/principals.yaml. The key stays in the data folder.

    Example:
      groundwork principal create alice
    """
    signer = desk.keys().make(name)
    print(f"  {name}:\n    publicKey: {signer.public_key}\n    roles: []")


@bills.command("create")
def create_bill(
    as_: As,
    environment: Annotated[
        str | None, typer.Option("--for", help="An environment in AWS: the images of the lock, from its registry.")
    ] = None,
    json_: Json = False,
) -> None:
    """Write down what the checkout and the built images are, signed by its author.

    Example:
      groundwork bill create --as alice
      groundwork bill create --as alice --for prod
    """
    from local.paths import CHECKOUT, Paths
    from local.toolchain import CHARTS, PROGRAMS, pins
    from promotion.bill import KIND
    from promotion.making import built_images, make_bill

    paths = Paths.for_user()
    charts = {"istio": pins.folder(PROGRAMS[CHARTS[0]].pin, paths.toolchain) / "charts"}
    images = built_images(paths.image_digests) if environment is None else locked_images(environment)
    bill = make_bill(CHECKOUT, as_, datetime.now(UTC), images, charts)
    file = desk.office().keep(desk.signed(as_, KIND, bill), bill.digest)
    print(json.dumps({"bill": bill.digest, "file": str(file)}) if json_ else bill.digest)


def locked_images(environment: str) -> Mapping[str, str]:
    """Of an environment in AWS, by the references of its own registry. Raises UserError where no lock names them."""
    from stacks.aws_images import VARIABLE, images_of, simulates
    from stacks.preflight import check

    settings = check(environment)
    if settings.aws is None:
        raise UserError(what=f"{environment!r} is not in AWS", fix="leave --for out: what was built here is named then")
    if simulates():
        raise UserError(what="nobody signs a bill of simulated images", where=VARIABLE, fix=f"unset {VARIABLE}")
    return images_of(settings, settings.aws)


@bills.command("pin")
def pin_bill(
    environment: Annotated[str, typer.Argument(help="An environment in AWS.")],
    bill: BillName = "last",
    beside: Annotated[
        str | None, typer.Option("--beside", help="The bill that serves, for as long as the other takes its place.")
    ] = None,
) -> None:
    """Write a bill, as it was signed, into an environment's settings: admission lets in what it lists.

    Example:
      groundwork bill pin prod last
    """
    from local.paths import CHECKOUT
    from promotion.pinning import pin_bills
    from stacks.bills_settings import BillsSettings, SignedBill
    from stacks.settings import settings_file

    office = desk.office()
    signed = [office.signed(office.bill(each)[0].digest) for each in (bill, beside) if each is not None]
    who = desk.principals()
    proof = BillsSettings(
        signed=tuple(SignedBill.model_validate(each.model_dump()) for each in signed),
        principals=str(who.relative_to(CHECKOUT) if who.is_relative_to(CHECKOUT) else who),
    )
    file = settings_file(environment, CHECKOUT)
    pin_bills(file, proof)
    print(f"{file.name}: {len(signed)} signed bill{'s' if len(signed) > 1 else ''}")


@bills.command("show")
def show_bill(bill: BillName = "last") -> None:
    """Print a bill, after its signature was checked.

    Example:
      groundwork bill show last
    """
    found, _ = desk.office().bill(bill)
    print(found.model_dump_json(indent=2))


@bills.command("history")
def history(environment: Annotated[str, typer.Argument(help="The environment.")], json_: Json = False) -> None:
    """List the bills that came into an environment; the number is what `rollback --to` takes.

    Example:
      groundwork bill history local
    """
    there = desk.office().arrivals(environment)
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

    office = desk.office()
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
    print(office.keep(desk.signed(as_, EVIDENCE, shown), digest, found.environment, gate))


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
    log = desk.office().log
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
    print(desk.office().log.file)


@audit.command("show")
def show_audit(
    environment: Annotated[str | None, typer.Argument(help="Only this one.")] = None, json_: Json = False
) -> None:
    """Print the log, verified.

    Example:
      groundwork audit show local
    """
    entries = [entry for entry in desk.office().log.entries() if environment in {None, entry.environment}]
    if json_:
        print(json.dumps([entry.model_dump(mode="json") for entry in entries], indent=2))
        return
    for entry in entries:
        data = " ".join(f"{key}={value}" for key, value in entry.data.items())
        print(f"{entry.number} {entry.at:%Y-%m-%d %H:%M:%S} {entry.environment} {entry.event} by {entry.by}: {data}")
