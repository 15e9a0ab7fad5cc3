"""`groundwork images`: list, build, refresh, lock, mirror."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from groundwork.console import Progress
    from local.images.build import Place

app = typer.Typer(
    name="images", help="Images of this repository, built here and named by digest.", no_args_is_help=True
)
Json = Annotated[bool, typer.Option("--json", help="For machines.")]


@app.command("list")
def list_(json_: Json = False) -> None:
    """Show each image: whether it is built from the present inputs, its digest and its size.

    Example:
      groundwork images list --json
    """
    from local.images.build import Place
    from local.images.survey import survey

    found = survey(Place())
    if json_:
        rows = [
            {"name": one.name, "state": one.state, "reference": one.reference, "bytes": one.built and one.built.size}
            for one in found
        ]
        print(json.dumps(rows, indent=2))
        return
    _table(
        ["image", "state", "digest", "MB"],
        [
            [one.name, one.state, one.built.digest[:19], f"{one.built.size / 1e6:.1f}"]
            if one.built
            else [one.name, one.state, "", ""]
            for one in found
        ],
    )
    _say_base(Place())


@app.command()
def build(
    names: Annotated[list[str] | None, typer.Argument(help="Images; the usual if none is named.")] = None,
) -> None:
    """Build images whose inputs changed, and load them into the node when it runs.

    Examples:
      groundwork images build
      groundwork images build agent-runtime
    """
    from groundwork.console import progress
    from local import images, toolchain

    shown = progress()
    wanted = names or images.usual()
    _references(images.build(wanted, toolchain.ensure(["ctr"], progress=shown), shown))


@app.command()
def refresh() -> None:
    """Make the Debian base anew from today's packages, then build what changed with it.

    Example:
      groundwork images refresh
    """
    from groundwork.console import progress
    from local import images, toolchain
    from local.images.build import Place, refresh_base

    shown = progress()
    before, after = refresh_base(Place(), shown)
    shown.say("The base has the packages it had" if before == after else "The base has new packages")
    _references(images.build(images.usual(), toolchain.ensure(["ctr"], progress=shown), shown))


@app.command("lock")
def lock_(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; 99 where the lock would change.")] = False,
) -> None:
    """Write images/lock.yaml: every image that environments run, by digest; others' as their registries have them.

    Examples:
      groundwork images lock
      groundwork images lock --check
    """
    from groundwork.console import progress
    from groundwork.errors import ExitCode
    from groundwork.files import write_atomically
    from local.images.build import Place
    from local.images.locking import Locking
    from local.images.registries import Registries
    from stacks.image_lock import LOCK, read_catalog

    place, shown = Place(), progress()
    _need_skopeo(shown)
    found = Locking(place=place, catalog=read_catalog(place.root), registries=Registries(), progress=shown).lock()
    text = found.text()
    file = place.root / LOCK
    before = file.read_text("utf-8") if file.exists() else ""
    if check and text != before:
        print(f"{LOCK} is not what registries and archives have: groundwork images lock")
        raise typer.Exit(ExitCode.FAIL)
    if text != before:
        write_atomically(file, text)
    print(f"{LOCK}\t{'unchanged' if text == before else 'written'}")


@app.command()
def mirror(
    environment: Annotated[str | None, typer.Argument(help="In AWS: its account's registry.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Another registry, with a folder: host[:port]/folder.")] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="cosign's private key; its password: COSIGN_PASSWORD.")
    ] = None,
    json_: Json = False,
) -> None:
    """Copy every image of the lock into a registry, by digest, sign it, list its parts, and print the references.

    Examples:
      groundwork images mirror prod --key cosign.key
      groundwork images mirror --to 127.0.0.1:5000/groundwork --key cosign.key
    """
    from groundwork.console import progress
    from groundwork.errors import UserError
    from local import toolchain
    from local.images.attesting import Attesting
    from local.images.build import Place
    from local.images.ecr import destination
    from local.images.locking import Locking
    from local.toolchain.programs import MIRROR
    from stacks.image_lock import FIX, LOCK, read_catalog, read_lock

    if (environment is None) == (to is None):
        raise UserError(what="no registry is named, or two", allowed="ENVIRONMENT or --to HOST/FOLDER")
    if key is None:
        raise UserError(
            what="no key is named to sign with", allowed="--key FILE", fix="cosign generate-key-pair (docs/images.md)"
        )
    place, shown = Place(), progress()
    locked = read_lock(place.root)
    if locked is None:
        raise UserError(what="there is no lock", where=str(LOCK), fix=FIX)
    _need_skopeo(shown)
    tools = toolchain.ensure(MIRROR, progress=shown)
    with destination(environment, to, place.root) as (registry, registries):
        made = Locking(place=place, catalog=read_catalog(place.root), registries=registries, progress=shown)
        attesting = Attesting(
            syft=tools.path("syft"), cosign=tools.path("cosign"), key=key.resolve(), registries=registries
        )
        copied = list(made.mirror(locked, registry, attesting.attest))
    if json_:
        rows = [{"name": one.name, "reference": one.reference, "new": one.new, "signed": one.signed} for one in copied]
        print(json.dumps(rows, indent=2))
        return
    rows_ = [
        [one.name, one.reference, "copied" if one.new else "there", "signed now" if one.signed else "verified"]
        for one in copied
    ]
    _table(["image", "reference", "", ""], rows_)


def _need_skopeo(shown: Progress) -> None:
    from local.toolchain import debian

    debian.ensure(shown, debian.MIRROR)


def _references(made: Mapping[str, str]) -> None:
    for name, reference in made.items():
        print(f"{name}\t{reference}")


def _say_base(place: Place) -> None:
    from local.images import base as bases
    from local.images.survey import packages

    base = bases.present(place.paths.images / "base")
    if base is None:
        print("base: not made yet")
    else:
        print(f"base: Debian {bases.SUITE}, {packages(place)} packages, of {base.made:%Y-%m-%d}")


def _table(head: list[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(*head, box=None)
    for row in rows:
        table.add_row(*row)
    Console(soft_wrap=True).print(table)
