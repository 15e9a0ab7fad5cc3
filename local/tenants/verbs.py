"""The command line's `tenant …`: add, list, show, suspend, resume, export, import, delete, schema."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from groundwork.console import progress
from groundwork.errors import UserError

if TYPE_CHECKING:
    from local.tenants.life import Row, Tenants
    from local.up import Outcome

Name = Annotated[str, typer.Argument(help="The tenant.")]
Env = Annotated[str, typer.Option("--env", "-e", help="The environment.")]
Json = Annotated[bool, typer.Option("--json", help="For machines.")]

app = typer.Typer(help="Tenants: each a folder in tenants/ and a stack of its own.", no_args_is_help=True)


@app.command()
def add(
    names: Annotated[list[str], typer.Argument(help="New tenants. One that has a folder is brought up as it is.")],
    like: Annotated[str | None, typer.Option(help="Begin as this tenant, or as this folder.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A key of tenant.yaml; any number of them.")
    ] = None,
    env: Env = "local",
    json_: Json = False,
) -> None:
    """Add tenants: a folder with settings and a first agent each, and what runs.

    With `--set suspended=REASON` all is made but the pods.

    Examples:
      groundwork tenant add initech
      groundwork tenant add initech hooli --like acme --set costCentre=research
      groundwork tenant add initech --set 'limits={requestsPerSecond: 50}' --set 'hosts=[agents.initech.example]'
    """
    from local.tenants.folder import Wish

    _show(_tenants(env).add(names, Wish.parse(like, set_ or [])), json_)


@app.command("list")
def list_(env: Env = "local", json_: Json = False) -> None:
    """List the tenants of an environment.

    Example:
      groundwork tenant list --json
    """
    rows = _tenants(env).rows()
    if json_:
        print(json.dumps([_as_json(row) for row in rows], indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("tenant", "state", "agents", "cost centre", "requests/s", "host", "reason", box=None)
    for row in rows:
        limit = str(row.requests_per_second or "–")
        table.add_row(row.tenant, row.state, str(row.agents), row.cost_centre, limit, " ".join(row.hosts), row.reason)
    Console(highlight=False).print(table)


@app.command()
def show(name: Name, env: Env = "local", json_: Json = False) -> None:
    """Show one tenant.

    Example:
      groundwork tenant show acme
    """
    row = _as_json(_tenants(env).row(name))
    if json_:
        print(json.dumps(row, indent=2))
        return
    for key, value in row.items():
        print(f"{key:18} {', '.join(value) if isinstance(value, list) else '–' if value in {None, ''} else value}")


@app.command()
def suspend(
    name: Name,
    reason: Annotated[str, typer.Option(help="Why; the tenant's callers are told.")],
    env: Env = "local",
    json_: Json = False,
) -> None:
    """Stop a tenant: its callers get 403 with the reason, its agents scale to zero, its data stays.

    Example:
      groundwork tenant suspend acme --reason "invoice 17 is open"
    """
    _show(_tenants(env).suspend(name, reason), json_)


@app.command()
def resume(name: Name, env: Env = "local", json_: Json = False) -> None:
    """Undo `suspend`.

    Example:
      groundwork tenant resume acme
    """
    _show(_tenants(env).resume(name), json_)


@app.command()
def export(
    name: Name,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; NAME.tar.gz otherwise.")] = None,
    env: Env = "local",
    json_: Json = False,
) -> None:
    """Write a tenant to one archive: settings, manifests and where its data is. No secret and no key is in it.

    Example:
      groundwork tenant export acme -o acme.tar.gz
    """
    from groundwork.files import write_bytes_atomically

    file = output or Path(f"{name}.tar.gz")
    write_bytes_atomically(file, _tenants(env).export(name), mode=0o600)
    print(json.dumps({"tenant": name, "file": str(file)}) if json_ else file)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="What `export` wrote.")],
    as_: Annotated[str | None, typer.Option("--as", help="Another name for the tenant.")] = None,
    env: Env = "local",
    json_: Json = False,
) -> None:
    """Bring a tenant from an archive, into this or another environment.

    Example:
      groundwork tenant import acme.tar.gz --as acme-copy
    """
    _show(_tenants(env).import_(file, as_), json_)


@app.command()
def delete(
    names: Annotated[list[str], typer.Argument(help="The tenants.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    keep_folder: Annotated[bool, typer.Option("--keep-folder", help="Leave the tenants' files as they are.")] = False,
    env: Env = "local",
    json_: Json = False,
) -> None:
    """Delete tenants: what runs, their namespaces with keys and domains, their state and their folders.

    Example:
      groundwork tenant delete initech --yes
    """
    said = " ".join(names)
    if not yes:
        if not sys.stdin.isatty():
            fix = f"groundwork tenant delete {said} --yes"
            raise UserError(what="`tenant delete` deletes data and asks first", fix=fix)
        typed: str = typer.prompt(f"This deletes {said} of {env!r} and all data. Type what is deleted")
        if typed.split() != names:
            raise UserError(what=f"{typed!r} is not {said!r}: nothing was deleted")
    _tenants(env).delete(names, keep_folder=keep_folder)
    print(json.dumps({"tenants": names, "environment": env, "deleted": True}) if json_ else f"deleted: {said}")


@app.command()
def schema() -> None:
    """Print the JSON Schema of tenant.yaml, for editors.

    Example:
      groundwork tenant schema > tenant.schema.json
    """
    from stacks.tenant_settings import json_schema

    print(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def _tenants(environment: str) -> Tenants:
    from local.paths import CHECKOUT, Paths
    from local.tenants.life import Tenants
    from stacks.settings import settings_file

    settings_file(environment, CHECKOUT)
    return Tenants(environment=environment, paths=Paths.for_user(), progress=progress())


def _show(outcome: Outcome, json_: bool) -> None:
    from local.answer import as_json, first_answer, show
    from local.paths import Paths

    answers = first_answer(outcome, Paths.for_user(), progress())
    if json_:
        print(json.dumps(as_json(outcome), indent=2))
    else:
        show(outcome, answers)


def _as_json(row: Row) -> dict[str, object]:
    names = {"cost_centre": "costCentre", "requests_per_second": "requestsPerSecond"}
    return {
        names.get(key, key): list(value) if isinstance(value, tuple) else value for key, value in asdict(row).items()
    }
