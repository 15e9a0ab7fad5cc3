"""What promotion's verbs share: this machine's keys, whom it trusts, where everything is kept; common options."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import BaseModel

from groundwork.errors import ExitCode, UserError

if TYPE_CHECKING:
    from promotion.office import Office
    from promotion.signing import Keys, Signed, Signer, Trust

Json = Annotated[bool, typer.Option("--json", help="For machines.")]
As = Annotated[str, typer.Option("--as", help="Who you are: a principal whose key is here.", metavar="NAME")]
BillName = Annotated[str, typer.Argument(help="A bill's digest, its first digits, or `last`.", metavar="BILL")]
CLERK = "audit"


def signed(name: str, kind: str, document: BaseModel) -> Signed:
    """Signed with a principal's key, where that principal may: what nobody would believe is not written at all."""
    from promotion.signing import SIGNERS, Untrusted

    made = keys().signer(name).sign(kind, document)
    try:
        trust().check(made, kind, SIGNERS[kind])
    except Untrusted as error:
        raise UserError(what=str(error), where="promotion/principals.yaml", code=ExitCode.FAIL) from None
    return made


def order(name: str, command: str) -> None:
    """Only an operator whose key is here moves anything. Raises UserError."""
    from promotion.signing import Order

    signed(name, "order", Order(command=command, at=datetime.now(UTC)))


def running_bill(bill: str, environment: str) -> str:
    """The digest of a bill, where an environment of this machine, or one tenant of it, runs just its images.

    Raises UserError.
    """
    from local.paths import Paths
    from local.up import cluster_of, require_up
    from promotion.here import running_images

    found, _ = office().bill(bill)
    paths = Paths.for_user()
    name, _, tenant = environment.partition(".")
    wrong = found.differences(running_images(cluster_of(require_up(name, paths), paths), found, tenant or None))
    if wrong:
        raise UserError(what=f"what runs is not the bill: {'; '.join(wrong)}", where=environment, code=ExitCode.FAIL)
    return found.digest


def keys() -> Keys:
    """The private keys on this machine."""
    from local.paths import Paths
    from promotion.signing import Keys

    return Keys(Paths.for_user().data / "promotion" / "keys")


def trust() -> Trust:
    """Who stands in promotion/principals.yaml, and this machine's audit log."""
    from promotion.signing import Principal, Role, Trust, read_principals

    known = read_principals(principals())
    if CLERK not in known:
        known[CLERK] = Principal.of(_clerk().public_key, Role.LOG)
    return Trust(known)


def principals() -> Path:
    """The file that says who may sign what."""
    from promotion.settings import HERE

    file = os.environ.get("GROUNDWORK_PRINCIPALS")
    return Path(file) if file else HERE / "principals.yaml"


def _clerk() -> Signer:
    known = keys()
    return known.signer(CLERK) if (known.folder / f"{CLERK}.pem").exists() else known.make(CLERK)


def office() -> Office:
    """Where this machine keeps bills, evidence, moves and the log."""
    from local.paths import Paths
    from promotion.office import Office

    return Office(folder=Paths.for_user().data / "promotion", trust=trust(), clerk=_clerk())
