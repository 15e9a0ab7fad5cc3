"""The command line's verbs for policies: check an environment, list the policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from policies.report import Format

if TYPE_CHECKING:
    from groundwork.console import Progress
    from local.paths import Paths
    from policies.rule import Resource
    from stacks.settings import Settings

app = typer.Typer(name="policy", help="Hold an environment to the policies.", no_args_is_help=True)


@app.command()
def check(
    environment: Annotated[str, typer.Argument(help="An environment, up or not.")] = "local",
    format_: Annotated[Format, typer.Option("--format", help="How the result is written.")] = Format.TABLE,
    json_: Annotated[bool, typer.Option("--json", help="For machines; the same as --format json.")] = False,
    pack_only: Annotated[bool, typer.Option(help="The pack's rules alone, without admission and checkov.")] = False,
) -> None:
    """Hold an environment to every policy: the state of what is up here, of its layers and tenants.

    What is not up is looked at as its program asks for it. It then passes as inconclusive at best, and what only an
    update can tell is named; `groundwork rehearse` looks at all of it.

    Exit codes: 0 pass, 99 fail, 98 inconclusive, 2 usage, 1 error.

    Examples:
      groundwork policy check local
      groundwork policy check local --format sarif > policies.sarif
    """
    from groundwork.console import progress
    from local.paths import Paths
    from policies.exceptions import Exceptions
    from policies.gate import Tools, judge
    from policies.report import write
    from stacks.preflight import check as check_settings

    settings = check_settings(environment)
    paths, shown = Paths.for_user(), progress()
    with shown.step(f"policies of {environment}"):
        graphs = _graphs(environment, settings, paths, shown)
        result = judge(
            environment,
            graphs,
            tools=None if pack_only else Tools.of(paths.cache, shown),
            exceptions=Exceptions.read(),
        )
    print(write(result, Format.JSON if json_ else format_))
    raise typer.Exit(result.verdict.outcome.exit_code)


def _graphs(environment: str, settings: Settings, paths: Paths, shown: Progress) -> Mapping[str, Sequence[Resource]]:
    """The state of each stack of the environment that is up, or what the program asks for: in AWS with its layers."""
    from local import record
    from policies.analysis import from_program, from_state

    made = record.read(paths)
    if made is not None and made.stack == environment:
        from local.up import operator_of

        engine = operator_of(made, paths, shown).engine
        return {stack: from_state(engine.exported(stack)) for stack in (environment, *engine.stacks_on(environment))}
    from stacks.graph import graphs_of

    layers = settings.layers if settings.aws is not None else ()
    asked = graphs_of([environment, *(f"{environment}.{layer}" for layer in layers)])
    return {stack: from_program(graph) for stack, graph in asked.items()}


@app.command(name="list")
def list_() -> None:
    """List the policies: id, severity, what it asks and whose control it is.

    Example:
      groundwork policy list
    """
    from policies.pack.rules import rules

    for rule in rules():
        print(f"{rule.id}  {rule.severity}  {rule.title}  [{'; '.join(rule.frameworks)}]")
