"""The command line's verbs for resilience: run, list, undo."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from groundwork.console import print_columns, progress
from groundwork.verdict import Outcome, Verdict, worst

if TYPE_CHECKING:
    from loadtests.experiment import Experiment

app = typer.Typer(name="resilience", help="Faults under load, and the gate on them.", no_args_is_help=True)


@app.command()
def run(
    names: Annotated[
        list[str], typer.Argument(help="Experiments of loadtests/experiments, or files.", metavar="NAME…")
    ],
    env: Annotated[str, typer.Option("--env", help="The environment: one of this machine.")] = "local",
    bill: Annotated[
        str | None, typer.Option(help="The bill that the verdict is for; what runs must be just that.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Run experiments, one after the other. Exit code 0 pass, 99 fail, 98 inconclusive.

    Example:
      groundwork resilience run agent-pod-killed bad-deploy
    """
    from groundwork.files import write_atomically
    from loadtests.experiment import read_experiment
    from loadtests.faults.state import all_settled, declared
    from loadtests.resilience import Surroundings, try_experiment
    from loadtests.store import junit
    from local.paths import Paths

    experiments = [read_experiment(name) for name in names]
    about = about_bill(bill, env) if bill is not None else {}
    verdicts: dict[str, Verdict] = {}
    for experiment in experiments:
        around = Surroundings(declared=declared, settled=all_settled)
        verdict = try_experiment(experiment, env, progress(), around, about)
        verdicts[experiment.name] = verdict
        folder = Paths.for_user().data / "resilience" / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{experiment.name}"
        write_atomically(folder / "verdict.json", verdict.model_dump_json(indent=2) + "\n")
        write_atomically(folder / "junit.xml", junit(verdict))
        if not json_:
            _show(experiment, verdict)
    if json_:
        print(json.dumps({name: verdict.model_dump(mode="json") for name, verdict in verdicts.items()}))
    raise typer.Exit(worst(verdict.outcome for verdict in verdicts.values()).exit_code)


@app.command("list")
def list_() -> None:
    """List the experiments, and what users may notice of each.

    Example:
      groundwork resilience list
    """
    from loadtests.experiment import known, read_experiment

    rows = [(name, read_experiment(name).title, read_experiment(name).expects.notice) for name in known()]
    print_columns([("experiment", "what is done", "what users may notice"), *rows])


@app.command()
def undo(name: Annotated[str, typer.Argument(help="The experiment.")]) -> None:
    """Run only an experiment's roll-backs: for a run that was killed itself. Safe to run when nothing was done.

    Example:
      groundwork resilience undo partition
    """
    from chaoslib.configuration import load_configuration
    from chaoslib.rollback import run_rollbacks

    from loadtests.experiment import read_experiment

    document = dict(read_experiment(name).document)
    values = load_configuration(document.get("configuration") or {})
    done = list(run_rollbacks(document, values, {}, None, None))
    bad = [each for each in done if each.get("status") != "succeeded" or each.get("output") is False]
    print(f"{len(done)} roll-backs, {len(bad)} failed")
    raise typer.Exit((Outcome.FAIL if bad else Outcome.PASS).exit_code)


def about_bill(bill: str, environment: str) -> dict[str, str]:
    """What binds a verdict to a bill, where just that runs. Raises UserError where something else does."""
    from promotion.desk import running_bill

    return {"bill": running_bill(bill, environment)}


def _show(experiment: Experiment, verdict: Verdict) -> None:
    rows = [(str(check.outcome), check.name, check.measured, check.limit, check.why) for check in verdict.checks]
    print_columns([("", "check", "measured", "limit", "why"), *rows])
    print(f"{experiment.name}: {str(verdict.outcome).upper()} (users may notice: {experiment.expects.notice})")
