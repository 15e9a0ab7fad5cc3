"""What a change of this checkout changes in each environment in AWS, against another commit.  (docs/pipelines.md)"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from local.paths import CHECKOUT
from stacks.graph import graph_of
from stacks.preview import Change, Step, compare, read
from stacks.settings import from_file, settings_file

# A comment of a pull request has room for 65,536 characters (GitHub's own limit); some are for the rest of it.
MOST_LINES = 400


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Of one stack: what would be created, updated and deleted, and how many resources stay as they are."""

    stack: str
    steps: Sequence[Step]
    same: int


def differences(base: str, progress: Progress, checkout: Path = CHECKOUT) -> list[Difference]:
    """Each stack of either commit. Raises UserError where `base` is no commit, or its program does not run."""
    found = []
    with _tree(base, checkout) as before:
        for stack in sorted(stacks_of(checkout) | stacks_of(before)):
            with progress.step(stack) as step:
                made = difference(stack, before, checkout)
                step.update(f"{len(made.steps)} differ")
            found.append(made)
    return found


@cache
def stacks_of(checkout: Path) -> frozenset[str]:
    """The stacks of all environments in AWS, with their layers' and tenants'. Asked for each stack, and read once."""
    found: set[str] = set()
    for file in sorted(checkout.glob("Pulumi.*.yaml")):
        environment = file.name.split(".")[1]
        settings = from_file(settings_file(environment, checkout))
        if settings.aws is not None:
            found |= {environment, *(f"{environment}.{part}" for part in (*settings.layers, *settings.tenants))}
    return frozenset(found)


def markdown(base: str, found: Sequence[Difference]) -> str:
    """A table for people, then what differs, a stack at a time."""
    rows = [f"### What differs from `{base}`", ""]
    if not any(each.steps for each in found):
        return "\n".join([*rows, f"Nothing, in none of {len(found)} stacks.", ""])
    rows += ["| stack | create | update | delete | as it is |", "|---|---|---|---|---|"]
    for each in found:
        counted = Counter(step.change for step in each.steps)
        shown = [str(counted[change]) for change in (Change.CREATE, Change.UPDATE, Change.DELETE)]
        rows.append(f"| {each.stack} | {' | '.join(shown)} | {each.same} |")
    lines = MOST_LINES
    for each in found:
        if not each.steps:
            continue
        rows += ["", f"<details><summary>{each.stack}</summary>", "", "```"]
        rows += [_line(step) for step in each.steps[:lines]]
        if len(each.steps) > lines:
            rows.append(f"and {len(each.steps) - lines} more: groundwork changes --base {base}")
        lines = max(0, lines - len(each.steps))
        rows += ["```", "</details>"]
    rows += ["", "Asked of no account: values that AWS computes are unknown, and a chart is one row.", ""]
    return "\n".join(rows)


def _line(step: Step) -> str:
    where = "::".join(step.urn.split("::")[2:])
    return f"{step.change:7} {where} {', '.join(step.keys)}".rstrip()


def difference(stack: str, before: Path, checkout: Path) -> Difference:
    """Of one stack, between two folders with files of this project. Raises UserError."""
    earlier = _graph_before(stack, before) if stack in stacks_of(before) else {}
    if stack in stacks_of(checkout):
        steps = list(compare(earlier, graph_of(stack, checkout)))
    else:
        steps = [Step(change=Change.DELETE, urn=urn) for urn in earlier]
    differing = [step for step in steps if step.change is not Change.SAME]
    return Difference(stack=stack, steps=differing, same=len(steps) - len(differing))


def _graph_before(stack: str, before: Path) -> dict[str, dict[str, object]]:
    """By the earlier commit's own code, in a process of its own: two versions of it do not fit into one."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "graph.json"
        words = [sys.executable, "-m", "groundwork", "preview", stack, "--graph", str(file)]
        its_own = os.environ | {"PYTHONPATH": str(before)}
        done = subprocess.run(words, cwd=before, env=its_own, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise UserError(what=done.stderr.strip(), where=f"{stack} as it was", code=ExitCode.ERROR)
        return {urn: dict(inputs) for urn, inputs in read(file).items()}


@contextmanager
def _tree(base: str, checkout: Path) -> Iterator[Path]:
    """The files of a commit, in a folder that goes when this ends."""
    with tempfile.TemporaryDirectory(prefix="groundwork-base-") as folder:
        tree = Path(folder) / "base"
        _git(checkout, "worktree", "add", "--detach", str(tree), base)
        try:
            yield tree
        finally:
            _git(checkout, "worktree", "remove", "--force", str(tree))


def _git(checkout: Path, *words: str) -> None:
    done = subprocess.run(["git", *words], cwd=checkout, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(
            what=done.stderr.strip(),
            where=f"git {' '.join(words[:2])}",
            fix="name a commit that this clone has: git fetch origin main; groundwork changes --base origin/main",
        )
