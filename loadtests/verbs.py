"""The command line's verbs for load: run, list, show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from groundwork.console import print_columns, progress
from groundwork.errors import UserError
from loadtests.resilience_verbs import about_bill

if TYPE_CHECKING:
    from groundwork.verdict import Verdict
    from loadtests.store import Store

app = typer.Typer(name="load", help="Load on an environment, and the gate on it.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="For machines.")]
Env = Annotated[str, typer.Option("--env", help="The environment.")]


@app.command()
def run(  # noqa: PLR0913, PLR0917 – one parameter an option
    plan: Annotated[str, typer.Argument(help="A plan of loadtests/plans, or a file.")] = "smoke",
    env: Env = "local",
    address: Annotated[
        str | None, typer.Option(help="Ask here in place of the local environment; {tenant} and {agent} are replaced.")
    ] = None,
    keys: Annotated[Path | None, typer.Option(help='With --address: a JSON file, {"tenant/agent": "key"}.')] = None,
    authority: Annotated[Path | None, typer.Option(help="With --address: a PEM file to trust.")] = None,
    prometheus: Annotated[str | None, typer.Option(help="Compare with what this Prometheus saw.")] = None,
    bill: Annotated[
        str | None, typer.Option(help="The bill that the verdict is for; what runs must be just that.")
    ] = None,
    json_: Json = False,
) -> None:
    """Send a plan's load, judge it, and keep the run. Exit code 0 pass, 99 fail, 98 inconclusive.

    Examples:
      groundwork load run smoke
      groundwork load run loadtests/plans/steps.yaml --json
      groundwork load run smoke --env dev --address https://{tenant}.dev.example.com/agents/{agent} --keys keys.json
    """
    from loadtests.execute import Request, execute
    from loadtests.plan import read_plan

    if address is None and (keys is not None or authority is not None):
        raise UserError(what="--keys and --authority go with --address", fix="the local environment needs neither")
    if bill is not None and address is not None:
        raise UserError(what="--bill needs an environment in which it can be seen what runs", fix="leave --address out")
    wanted = Request(
        plan=read_plan(plan),
        environment=env,
        address=address,
        keys=keys,
        authority=authority,
        prometheus=prometheus,
        about=about_bill(bill, env) if bill is not None else None,
    )
    result, folder = execute(wanted, _store(), progress())
    if json_:
        print(json.dumps({"run": result.run, "folder": str(folder), "verdict": result.verdict.model_dump(mode="json")}))
    else:
        _show(result.verdict)
        print(f"report: {folder / 'report.html'}")
    raise typer.Exit(result.verdict.outcome.exit_code)


@app.command("list")
def list_(json_: Json = False) -> None:
    """List the runs that are kept, oldest first.

    Example:
      groundwork load list
    """
    rows = [
        {
            "run": each.run,
            "environment": each.verdict.environment,
            "outcome": str(each.verdict.outcome),
            "requests": each.all.requests,
            "errors": sum(each.all.errors.values()),
            "p99": each.all.percentiles.get("99"),
        }
        for each in _store().runs()
    ]
    if json_:
        print(json.dumps(rows, indent=2))
        return
    print_columns(
        [
            ("run", "environment", "outcome", "requests", "errors", "p99 ms"),
            *([str(v) for v in r.values()] for r in rows),
        ]
    )


@app.command()
def show(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or `last`.")] = "last",
    json_: Json = False,
) -> None:
    """Show what was measured and decided, and where the files are. Exit code as the run's.

    Example:
      groundwork load show last
    """
    store = _store()
    found = store.get(run_id)
    if json_:
        print(found.model_dump_json(by_alias=True, indent=2))
    else:
        print_columns([("run", found.run), ("target", found.target), ("knee", str(found.knee or "–"))])
        _show(found.verdict)
        print(f"report: {store.folder / found.run / 'report.html'}")
    raise typer.Exit(found.verdict.outcome.exit_code)


def _show(verdict: Verdict) -> None:
    rows = [(str(check.outcome), check.name, check.measured, check.limit, check.why) for check in verdict.checks]
    print_columns([("", "check", "measured", "limit", "why"), *rows])
    print(f"{verdict.gate}: {str(verdict.outcome).upper()}")


def _store() -> Store:
    from loadtests.store import Store
    from local.paths import Paths

    return Store(Paths.for_user().data / "load")
