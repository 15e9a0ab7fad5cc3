"""`groundwork vault`: what people do to OpenBao, day by day.  (docs/secrets.md)"""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from groundwork.console import progress
from groundwork.errors import UserError

if TYPE_CHECKING:
    from local.secrets.install import Place

app = typer.Typer(name="vault", help="OpenBao: secrets, and its own life.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Share = Annotated[
    list[Path] | None,
    typer.Option("--share", help="A file with one share; once for each. Otherwise those of the data folder."),
]


@app.command()
def status(json_: Json = False) -> None:
    """Show each node: initialised, sealed, its version. Exit code 0 also where one is sealed.

    Example:
      groundwork vault status
    """
    from local.secrets.life import seal_of

    reach = _place().reach
    rows = []
    for pod in reach.pods():
        with reach.node(pod) as api:
            seal = seal_of(api)
        rows.append(
            {"node": pod, "state": seal.word, "seal": "kms" if seal.auto else "shares", "version": seal.version}
        )
    if json_:
        print(json.dumps(rows, indent=2))
        return
    for row in rows:
        print("  ".join(row.values()))


@app.command()
def certificates() -> None:
    """Write OpenBao's own certificates into the cluster, before its stack; renew those with less than 30 days left.

    `up` does it by itself on this machine. For an environment in AWS, run it every month: nothing restarts.

    Example:
      groundwork vault certificates
    """
    from local import record
    from local.paths import Paths
    from local.secrets.install import prepare

    prepare(_place(), record.require(Paths.for_user()).way, progress())


@app.command()
def init(share: Share = None) -> None:
    """Initialise OpenBao, unseal it, set it up and revoke its root token. `up` does it by itself on this machine.

    Each share goes to a file of its own, of mode 0600: name one for each keeper.

    Example:
      groundwork vault init --share /media/a/share --share /media/b/share --share /media/c/share
    """
    from local.secrets.install import settle

    print(settle(_place(share), _tenants(), progress()))


@app.command()
def unseal(share: Share = None) -> None:
    """Unseal every node that is sealed, with as many shares as that takes.

    Example:
      groundwork vault unseal
    """
    from local.secrets.life import seal_of
    from local.secrets.nodes import unseal_all

    place = _place(share)
    reach = place.reach
    with reach.any() as api:
        if not seal_of(api).initialized:
            raise UserError(what="OpenBao is not initialised", fix="groundwork vault init")
    done = unseal_all(reach, place.shares, reach.pods())
    for pod, opened in done:
        print(f"{pod}: {'unsealed' if opened else 'was unsealed'}")
    if not any(opened for _, opened in done):
        print("nothing changed")


@app.command()
def seal() -> None:
    """Seal OpenBao: nobody gets a secret until it is unsealed. Pods keep what they have.

    Example:
      groundwork vault seal
    """
    from local.secrets.nodes import seal_all

    seal_all(_place().reach)
    print("sealed")


@app.command()
def rekey(
    share: Share = None, to: Annotated[list[Path] | None, typer.Option(help="A file for a new share.")] = None
) -> None:
    """Make a new key, with new shares. The old ones open nothing any more but snapshots that were made before.

    Example:
      groundwork vault rekey
    """
    from local.secrets.life import rekey as renew
    from local.secrets.shares import Shares

    place = _place(share)
    new = place.shares if not to else Shares(files=tuple(to), threshold=place.shares.threshold)
    reach = place.reach
    with reach.any() as api:
        renew(reach.operator(api), place.shares, new)
    print("rekeyed: take a snapshot now (groundwork vault snapshot), the earlier ones need the old shares")


@app.command("revoke-root")
def revoke_root(share: Share = None) -> None:
    """End every root token: none is needed, and each can read all secrets. Takes the threshold of shares.

    Example:
      groundwork vault revoke-root
    """
    from local.secrets.life import revoke_roots

    place = _place(share)
    with place.reach.any() as api:
        count = revoke_roots(api, place.shares)
    print(f"root tokens revoked: {count}" if count else "nothing changed: there was no root token")


@app.command()
def snapshot(file: Annotated[Path | None, typer.Argument(help="Where to; otherwise the data folder.")] = None) -> None:
    """Write all that OpenBao holds to a file, which only its shares can open.

    Example:
      groundwork vault snapshot /backup/openbao.snap
    """
    from local.secrets.life import snapshot as save

    place = _place()
    target = file or place.folder / "snapshots" / f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H%M%SZ}.snap"
    with place.reach.any() as api:
        size = save(place.reach.operator(api), target)
    print(f"{target}\t{size} bytes")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A snapshot.")],
    share: Share = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Put a snapshot in the place of all that OpenBao holds, which may be nothing.

    Example:
      groundwork vault restore /backup/openbao.snap --yes
    """
    from local.secrets.life import restore as put_back
    from local.secrets.nodes import unseal_all

    if not yes:
        if not sys.stdin.isatty():
            raise UserError(what="`restore` replaces every secret and asks first", fix="add --yes")
        typer.confirm("Replace all that OpenBao holds?", abort=True)
    place = _place(share)
    reach = place.reach
    with reach.any() as api:
        put_back(api, file, place.shares)
    unseal_all(reach, place.shares, reach.pods())
    print("restored and unsealed")


@app.command()
def put(
    tenant: Annotated[str, typer.Argument(help="Whose secret.")],
    name: Annotated[str, typer.Argument(help="Its name below the tenant's path.")],
    rotate: Annotated[str | None, typer.Option(help="Make a new value this often: 30d, 12h.")] = None,
    grace: Annotated[str, typer.Option(help="How long the one before goes on to count.")] = "1h",
) -> None:
    """Write a secret. Its fields come from standard input, as a JSON object of texts: none is ever an argument.

    With --rotate the rotator makes the value (field `value`), and a new one in time; standard input may be empty.

    Example:
      groundwork vault put acme openai < fields.json
    """
    from local.secrets.values import Rotation
    from local.secrets.values import put as write

    text = "" if sys.stdin.isatty() else sys.stdin.read()
    place = _place()
    rotation = Rotation.of(rotate, grace) if rotate else None
    with place.reach.any() as api:
        version = write(place.reach.operator(api), tenant, name, text, rotation)
    print(f"{tenant}/{name}: version {version}")


@app.command()
def upgrade(share: Share = None) -> None:
    """Take a snapshot, then replace the nodes that are of an earlier version or configuration, the active one last.

    Example:
      groundwork vault upgrade
    """
    from local.secrets.upgrade import upgrade as replace

    for line in replace(_place(share), progress()):
        print(line)


def _place(share: list[Path] | None = None) -> Place:
    from local.secrets.install import place_here

    return place_here(tuple(share or ()))


def _tenants() -> list[str]:
    from components.platform.specs import GROUP

    place = _place()
    found = place.cluster.items(f"tenants.{GROUP}")
    # Those that are not there yet, too: pods of theirs wait for their secrets.
    return sorted(
        {*place.tenants, *(str(each["metadata"]["name"]) for each in found if isinstance(each["metadata"], dict))}
    )
