"""`groundwork images`: list, build, refresh."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
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
def build(names: Annotated[list[str] | None, typer.Argument(help="Images; all if none is named.")] = None) -> None:
    """Build images whose inputs changed, and load them into the node when it runs.

    Examples:
      groundwork images build
      groundwork images build agent-runtime
    """
    from groundwork.console import progress
    from local import images, toolchain

    shown = progress()
    wanted = names or images.names()
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
    _references(images.build(images.names(), toolchain.ensure(["ctr"], progress=shown), shown))


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
