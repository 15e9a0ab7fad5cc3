"""The command line's verbs for policies: check an environment, list the policies."""

from __future__ import annotations

from typing import Annotated

import typer

from policies.report import Format

app = typer.Typer(name="policy", help="Hold an environment to the policies.", no_args_is_help=True)


@app.command()
def check(
    environment: Annotated[str, typer.Argument(help="An environment that is up.")] = "local",
    format_: Annotated[Format, typer.Option("--format", help="How the result is written.")] = Format.TABLE,
    json_: Annotated[bool, typer.Option("--json", help="For machines; the same as --format json.")] = False,
    pack_only: Annotated[bool, typer.Option(help="Without checkov: a second instead of half a minute.")] = False,
) -> None:
    """Hold the state of an environment, of its layers and tenants, to every policy.

    Exit codes: 0 pass, 99 fail, 98 inconclusive, 2 usage, 1 error.

    Examples:
      groundwork policy check local
      groundwork policy check local --format sarif > policies.sarif
    """
    from groundwork.console import progress
    from local.paths import CHECKOUT, Paths
    from local.up import operator_of, require_up
    from policies.analysis import from_state
    from policies.checkov.environment import ensure
    from policies.exceptions import Exceptions
    from policies.gate import judge
    from policies.report import write
    from stacks.preflight import check as check_settings

    check_settings(environment)
    paths, shown = Paths.for_user(), progress()
    engine = operator_of(require_up(environment, paths), paths, shown).engine
    with shown.step(f"policies of {environment}"):
        graphs = {stack: from_state(engine.exported(stack)) for stack in (environment, *engine.stacks_on(environment))}
        result = judge(
            environment,
            graphs,
            checkov=None if pack_only else lambda: ensure(paths.cache),
            checkout=None if pack_only else CHECKOUT,
            exceptions=Exceptions.read(),
        )
    print(write(result, Format.JSON if json_ else format_))
    raise typer.Exit(result.verdict.outcome.exit_code)


@app.command(name="list")
def list_() -> None:
    """List the policies: id, severity, what it asks and whose control it is.

    Example:
      groundwork policy list
    """
    from policies.pack.rules import rules

    for rule in rules():
        print(f"{rule.id}  {rule.severity}  {rule.title}  [{'; '.join(rule.frameworks)}]")
