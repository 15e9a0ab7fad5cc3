"""`groundwork drift`: what somebody else than the engine changed since the last `up`.  (docs/pipelines.md)"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from groundwork.console import Progress, progress
from groundwork.errors import ExitCode, UserError
from local.engine.operation import Operation
from local.paths import CHECKOUT, Paths

# The vendor's engine, which is asked about environments that it has made.
PULUMI = "pulumi"
# What it says where something changed, and how a row of its table begins that says what.
_CHANGED = "no changes were expected"
_ROW = re.compile(r"\s*[~+-]+\s+\S+:\S+")
_UNDER_WAY = re.compile(r" refreshing\b")


@dataclass(frozen=True, kw_only=True)
class Drift:
    """Of one stack: the resources that differ, and in what."""

    stack: str
    differs: Sequence[str]


def drift(
    environment: Annotated[str, typer.Argument(help="An environment that is up.")] = "local",
    json_: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Say what was changed by hand since the last `up`. Changes nothing.

    Exit code 0 where nothing was, 99 where something was. Of an environment in AWS the `pulumi` on PATH is asked.

    Examples:
      groundwork drift local
      groundwork drift prod
    """
    from stacks.preflight import check, is_in_aws

    settings = check(environment)
    if is_in_aws(environment):
        parts = (*settings.layers, *settings.tenants)
        found = [asked_of_pulumi(stack) for stack in (environment, *(f"{environment}.{part}" for part in parts))]
    else:
        found = of_this_machine(environment, Paths.for_user(), progress())
    if json_:
        print(json.dumps([asdict(each) for each in found], indent=2))
    else:
        for each in found:
            print(f"{each.stack}: {'as its state says' if not each.differs else 'changed by hand'}")
            for line in each.differs:
                print(f"  {line}")
    if any(each.differs for each in found):
        raise typer.Exit(ExitCode.FAIL)


def of_this_machine(environment: str, paths: Paths, shown: Progress) -> list[Drift]:
    """The environment's stack, and all layers' and tenants' that are there. Raises UserError where it is not up."""
    from local.up import operator_of, require_up

    operator = operator_of(require_up(environment, paths), paths, shown)
    stacks = sorted({environment, *operator.engine.stacks_on(environment)})
    return [Drift(stack=each.stack, differs=each.drifted) for each in operator.run_all(Operation.DRIFT, stacks)]


def asked_of_pulumi(stack: str) -> Drift:
    """Of a stack that the vendor's engine made, in the backend that it is logged in to. Raises UserError."""
    program = shutil.which(PULUMI)
    if program is None:
        raise UserError(
            what=f"{stack} is in AWS, and no `pulumi` is on PATH to ask about it",
            fix="install Pulumi's own CLI, log in to the backend of that stack, run this again (docs/aws.md)",
            code=ExitCode.ERROR,
        )
    words = [program, "refresh", "--preview-only", "--expect-no-changes", "--non-interactive", "--color", "never"]
    done = subprocess.run([*words, "--stack", stack], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return Drift(stack=stack, differs=[])
    said = f"{done.stdout}\n{done.stderr}".strip()
    if _CHANGED not in said:
        raise UserError(
            what=said.splitlines()[-1] if said else "failed", where=f"pulumi refresh {stack}", code=ExitCode.ERROR
        )
    rows = [" ".join(line.split()) for line in said.splitlines() if _ROW.match(line)]
    differs = [row for row in rows if not _UNDER_WAY.search(row)]
    return Drift(stack=stack, differs=differs or ["pulumi named no resource"])
