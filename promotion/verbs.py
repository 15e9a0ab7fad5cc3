"""The command line's verbs for moves between environments: approve, override, promote, rollback."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError

from groundwork.console import print_columns, progress
from groundwork.errors import ExitCode, UserError
from promotion import desk
from promotion.demo.verbs import demo
from promotion.desk import As, BillName, Json
from promotion.record_verbs import audit, bills, evidence, principals

if TYPE_CHECKING:
    from promotion.moving import Mover, Outcomes


def register(app: typer.Typer) -> None:
    """Add this folder's verbs to the command line."""
    for verb in (approve, override, promote, rollback, demo):
        app.command()(verb)
    for name, group in (("bill", bills), ("evidence", evidence), ("principal", principals), ("audit", audit)):
        app.add_typer(group, name=name)


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

    office, now = desk.office(), datetime.now(UTC)
    found, author = office.bill(bill)
    if author == as_:
        raise UserError(what=f"{as_} is the bill's author", allowed="somebody else's approval", code=ExitCode.FAIL)
    approval = Approval(bill=found.digest, origin=origin, target=target, at=now, expires=now + _duration(expires))
    office.keep(desk.signed(as_, APPROVAL, approval), found.digest, origin, target)
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

    office, now = desk.office(), datetime.now(UTC)
    found, _ = office.bill(bill)
    life = _duration(expires)
    if life > LONGEST_OVERRIDE:
        raise UserError(what=f"--expires: {expires} is too long", allowed=f"at most {LONGEST_OVERRIDE.days}d")
    try:
        wanted = Override(gate=gate, bill=found.digest, target=target, reason=reason, at=now, expires=now + life)
    except ValidationError:
        raise UserError(what="the reason is too short or too long", allowed="10 to 500 characters") from None
    office.keep(desk.signed(as_, OVERRIDE, wanted), found.digest, target, gate)
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
    desk.order(as_, f"promote {origin} {target}")
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
    desk.order(as_, f"rollback {environment}")
    _end(_mover().rollback(environment, to, as_, reason), json_)


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


def _mover() -> Mover:
    from local.paths import Paths
    from promotion.analysis import LoadAnalyser
    from promotion.here import LocalApplier
    from promotion.moving import Mover

    paths, shown, office = Paths.for_user(), progress(), desk.office()
    return Mover(
        office=office,
        applier=LocalApplier(paths=paths, progress=shown, signed=office.signed, principals=desk.principals()),
        analyser=LoadAnalyser(paths=paths, progress=shown),
        progress=shown,
        now=lambda: datetime.now(UTC),
    )
