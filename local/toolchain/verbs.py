"""The command line's verbs for the tool chain: list, build."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from groundwork.console import progress
from local.paths import Paths
from local.toolchain.programs import CHARTS, ENGINE, IMAGES, LOCAL_NODE, PROGRAMS, SIMULATED, TESTS, VAULT

app = typer.Typer(help="The programs this project runs: where each comes from.", no_args_is_help=True)


class Part(StrEnum):
    """A set of programs that belong together."""

    ENGINE = "engine"
    NODE = "node"
    SIMULATED = "simulated"
    TESTS = "tests"
    VAULT = "vault"
    ALL = "all"

    @property
    def programs(self) -> tuple[str, ...]:
        """Their names."""
        return {
            Part.ENGINE: ENGINE,
            Part.NODE: (*LOCAL_NODE, *IMAGES),
            Part.SIMULATED: (*SIMULATED, *CHARTS),
            Part.TESTS: TESTS,
            Part.VAULT: VAULT,
            Part.ALL: tuple(PROGRAMS),
        }[self]


@app.command("list")
def list_() -> None:
    """List every program: on PATH, built here or to build, in which version and where.

    Example:
      groundwork toolchain list
    """
    from rich.console import Console
    from rich.table import Table

    from local.toolchain.survey import survey

    table = Table("program", "state", "version", "path")
    for one in survey(PROGRAMS, Paths.for_user().toolchain):
        path = str(one.path) if one.path is not None else "; ".join(one.refused)
        table.add_row(one.program.name, one.origin.value, str(one.version or ""), path)
    Console(highlight=False).print(table)


@app.command()
def build(parts: Annotated[list[Part] | None, typer.Argument(help="Which; all if none is named.")] = None) -> None:
    """Build what is missing. Can be interrupted: what was built is not built again.

    Examples:
      groundwork toolchain build
      groundwork toolchain build engine simulated
    """
    from local.toolchain.toolchain import ensure

    ensure({name for part in parts or [Part.ALL] for name in part.programs}, progress=progress())
