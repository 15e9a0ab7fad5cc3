"""The command line's verb `rehearse`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from groundwork.console import progress
from groundwork.errors import ExitCode
from local.paths import Paths


def rehearse(
    environment: Annotated[str, typer.Argument(help="An environment in AWS, as in Pulumi.<environment>.yaml.")],
    json_: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Apply an AWS environment whole on this machine, with no account: emulated AWS, real API server, simulated nodes.

    Exit code 0 where all held, 99 where something did not.

    Example:
      groundwork rehearse dev
    """
    from local.rehearsal.rehearse import rehearse as run

    report = run(environment, Paths.for_user(), progress())
    if json_:
        print(json.dumps(report.as_json, indent=2))
    else:
        times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in report.seconds.items())
        print(f"{environment}: {report.counted}; {times}; {report.memory / 2**30:.1f} GiB at most")
        if report.nodes:
            print(f"{report.pods} pods on {report.nodes} simulated nodes")
        for problem in report.problems:
            print(f"✗ {problem}")
    if report.problems:
        raise typer.Exit(ExitCode.FAIL)
