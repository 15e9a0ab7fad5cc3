"""The command line's verbs for API keys: create, list, show, rotate, revoke."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from components.gateway.keys import Wish, made, revoked, rotated, state, successor
from components.platform.keys import PREFIX, Key
from components.platform.specs import ApiKey, ApiKeySpec, RateLimit, Scope
from components.units import DURATION, NAME, parse_duration
from groundwork.console import print_columns
from groundwork.errors import UserError

if TYPE_CHECKING:
    from components.gateway.key_store import KeyStore

app = typer.Typer(name="key", help="API keys of tenants: make, list, rotate and revoke them.", no_args_is_help=True)
# By the field of the key's object.
OPTIONS = {
    "org": ("TENANT", NAME),
    "agents": ("--agent", NAME),
    "environment": ("--environment", NAME),
    "domain": ("--domain", "a host in lower case, such as chat.example.com"),
    "requests_per_second": ("--limit", "1 to 1000000"),
}
COLUMNS = ("id", "tenant", "state", "opens", "until", "requests", "lastUsed", "note")
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
KeyId = Annotated[str, typer.Argument(help="The key's id, as `groundwork key list` shows it.", metavar="ID")]
Kubeconfig = Annotated[Path | None, typer.Option(help="The cluster; the one that is up if none is named.")]


@app.command()
def create(  # noqa: PLR0913, PLR0917 – one parameter an option
    tenant: Annotated[str, typer.Argument(help="Whose key it is.")],
    agent: Annotated[list[str] | None, typer.Option(help="Only this agent; may be given several times.")] = None,
    domain: Annotated[str | None, typer.Option(help="Only at this host.")] = None,
    environment: Annotated[str | None, typer.Option(help="Only in this environment.")] = None,
    expires: Annotated[str | None, typer.Option(help="How long it is good for, such as 90d.")] = None,
    limit: Annotated[int | None, typer.Option(help="Requests a second.")] = None,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
    kubeconfig: Kubeconfig = None,
    json_: Json = False,
) -> None:
    """Make a key and show it, once: only its hash is kept.

    Examples:
      groundwork key create acme --expires 90d --note "booking site"
      groundwork key create acme --agent concierge --limit 20
    """
    try:
        scope = Scope(org=tenant, domain=domain, environment=environment, agents=agent or None)
        rate_limit = RateLimit(requests_per_second=limit) if limit is not None else None
    except ValidationError as error:
        first = error.errors()[0]
        option, allowed = OPTIONS[str(first["loc"][0])]
        raise UserError(what=f"{option}: {first['input']!r} cannot be used", allowed=allowed) from None
    lifetime = _duration(expires) if expires is not None else None
    store = _store(kubeconfig)
    found = next((each for each in store.tenants() if each.metadata.name == tenant), None)
    if found is None:
        known = ", ".join(sorted(each.metadata.name for each in store.tenants())) or "none"
        raise UserError(what=f"there is no tenant {tenant!r}", allowed=known, fix=f"groundwork tenant add {tenant}")
    if domain is not None and domain not in (hosts := store.hosts(found)):
        raise UserError(what=f"{domain} is no host of {tenant}", allowed=", ".join(sorted(hosts)))
    key, spec = made(Wish(scope=scope, lifetime=lifetime, rate_limit=rate_limit, note=note), datetime.now(UTC))
    store.create(key.id, spec)
    _show_new(key, spec, json_)


@app.command("list")
def list_(
    tenant: Annotated[str | None, typer.Argument(help="Whose keys; all if none is named.")] = None,
    kubeconfig: Kubeconfig = None,
    json_: Json = False,
) -> None:
    """List keys: their state, what they open, and how often they were used.

    Example:
      groundwork key list acme
    """
    now = datetime.now(UTC)
    rows = [_row(key, now) for key in _store(kubeconfig).keys(tenant)]
    if json_:
        print(json.dumps(rows, indent=2))
        return
    print_columns([COLUMNS, *([str(row[column] or "") for column in COLUMNS] for row in rows)])


@app.command()
def show(key_id: KeyId, kubeconfig: Kubeconfig = None, json_: Json = False) -> None:
    """Show all that is known of a key. The key itself is not.

    Example:
      groundwork key show k3y1d0000000
    """
    key = _store(kubeconfig).key(_id(key_id))
    row = _row(key, datetime.now(UTC)) | _details(key)
    if json_:
        print(json.dumps(row, indent=2))
        return
    for name, value in row.items():
        if value is not None:
            print(f"{name:<10} {value}")


@app.command()
def rotate(
    key_id: KeyId,
    grace: Annotated[str, typer.Option(help="How long the old key still works.")] = "24h",
    kubeconfig: Kubeconfig = None,
    json_: Json = False,
) -> None:
    """Make a new key in place of one, and show it, once. The old one works until its grace period is over.

    Example:
      groundwork key rotate k3y1d0000000 --grace 1h
    """
    span, store, now = _duration(grace), _store(kubeconfig), datetime.now(UTC)
    old = store.key(_id(key_id))
    key, spec = made(successor(old.spec, now), now)
    # The new one first: whatever happens in between, there is one that works.
    store.create(key.id, spec)
    store.change(old, rotated(old.spec, key.id, span, now))
    _show_new(key, spec, json_, replaces=old.metadata.name)


@app.command()
def revoke(
    key_id: KeyId,
    reason: Annotated[str, typer.Option(help="Why; it stays with the key.")],
    kubeconfig: Kubeconfig = None,
    json_: Json = False,
) -> None:
    """Refuse a key from now on, for ever. It stays in the list, with the reason and who did it.

    Example:
      groundwork key revoke k3y1d0000000 --reason "seen in a public log"
    """
    if not 1 <= len(reason) <= 500:
        raise UserError(what="the reason is empty or too long", allowed="1 to 500 characters")
    store = _store(kubeconfig)
    key = store.key(_id(key_id))
    spec = revoked(key.spec, reason, getpass.getuser(), datetime.now(UTC))
    if spec != key.spec:
        store.change(key, spec)
    row = _row(key.model_copy(update={"spec": spec}), datetime.now(UTC)) | _details(
        key.model_copy(update={"spec": spec})
    )
    print(json.dumps(row, indent=2) if json_ else f"{key.metadata.name}: revoked ({row['revoked']})")


def _store(kubeconfig: Path | None) -> KeyStore:
    from components.gateway.key_store import KeyStore
    from local import record
    from local.paths import Paths

    return KeyStore(kubeconfig or record.require(Paths.for_user()).kubeconfig)


def _id(text: str) -> str:
    """The id, of an id or of a whole key: who has found a leaked one need not take it apart."""
    key = Key.parse(text)
    return key.id if key else text.removeprefix(PREFIX)


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except PydanticCustomError:
        raise UserError(what=f"{text!r} is not a duration", allowed=DURATION) from None


def _show_new(key: Key, spec: ApiKeySpec, json_: bool, replaces: str | None = None) -> None:
    shown = {"id": key.id, "key": key.text, "tenant": spec.scope.org, "expires": _time(spec.expires_at)}
    if replaces is not None:
        shown["replaces"] = replaces
    if json_:
        print(json.dumps(shown, indent=2))
        return
    print(key.text)
    typer.echo(
        "This is the only time that the key is shown: put it where its user finds it, and nowhere else.", err=True
    )


def _row(key: ApiKey, now: datetime) -> dict[str, str | int | None]:
    spec = key.spec
    ends = [moment for moment in (spec.expires_at, spec.grace_until) if moment is not None]
    return {
        "id": key.metadata.name,
        "tenant": spec.scope.org,
        "state": state(spec, now).value,
        "opens": _opens(spec.scope),
        "until": _time(min(ends, default=None)),
        "requests": key.status.requests,
        "lastUsed": _time(key.status.last_used_at),
        "note": spec.note,
    }


def _details(key: ApiKey) -> dict[str, str | int | None]:
    spec = key.spec
    limit = spec.rate_limit
    why = spec.revoked
    return {
        "created": _time(spec.created_at),
        "limit": limit.requests_per_second if limit else None,
        "successor": spec.successor,
        "revoked": f"{_time(why.at)} by {why.by or 'unknown'}: {why.reason}" if why else None,
    }


def _opens(scope: Scope) -> str:
    parts = [scope.domain, scope.environment, *(scope.agents or ())]
    return ", ".join(part for part in parts if part) or "everything"


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if moment else None
