"""What a preview of an environment in AWS costs a resource, beside a bare program with as many that do nothing.

`python -m tests.bench_engine [ENVIRONMENT]`. The environment is up, in a rehearsal; so is the bare program. Both
are previewed in turn, by the same engine. A resource that does nothing is one of a provider, in Python as ours, that
agrees to everything; a component, which has no provider at all, is measured beside it and decides nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import pulumi

from groundwork.console import PlainProgress
from groundwork.errors import ExitCode
from local.engine.operation import Operation
from local.engine.workspace import Engine
from local.paths import CHECKOUT, Paths
from local.rehearsal import nodes
from local.rehearsal.stage import Stage, stage
from tests.bare_program import bare

ENVIRONMENT = "prod"
ROUNDS = 3
MOST = 1.5
NOOP_PLUGIN = CHECKOUT / "tests" / "noop_plugin" / "bin"


def components(count: int) -> Callable[[], None]:
    """A program with `count` components that have nothing in them."""

    def program() -> None:
        for index in range(count):
            pulumi.ComponentResource("noop:index:Group", f"group-{index}")

    return program


def with_noop(engine: Engine) -> Engine:
    """The same with the provider of resources that do nothing."""
    return replace(engine, more=(*engine.more, NOOP_PLUGIN))


def measure(on: Stage, environment: str) -> tuple[int, dict[str, list[float]]]:
    """How many resources the environment has, and seconds of each preview: in turn, on one and the same machine."""
    if on.cluster is None:
        count = on.operator.run(Operation.UP, environment).changed
    else:
        with nodes.following(on.account.account(), on.cluster):
            count = on.operator.run(Operation.UP, environment).changed
    engine = with_noop(on.operator.engine)
    programs = {"bare": bare(count), "components": components(count)}
    for name, program in programs.items():
        engine.stack(name, program).up()
    ways: dict[str, Callable[[], object]] = {
        environment: lambda: on.operator.run(Operation.PREVIEW, environment).changed,
        **{name: _preview(engine, name, program) for name, program in programs.items()},
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.monotonic()
            changed = way()
            seconds[name].append(time.monotonic() - started)
            if changed:
                raise RuntimeError(f"{name}: the preview is not of what is up")
    return count, seconds


def _preview(engine: Engine, name: str, program: Callable[[], None]) -> Callable[[], object]:
    def preview() -> object:
        found = engine.stack(name, program).preview().change_summary
        return {kind: count for kind, count in found.items() if getattr(kind, "value", kind) != "same"}

    return preview


def show(environment: str, count: int, seconds: dict[str, list[float]]) -> bool:
    """Print a row each; whether the limit is held."""
    for name, each in seconds.items():
        print(
            f"preview of {name:12} {count} resources: {median(each):6.2f} s ({min(each):.2f} to {max(each):.2f}), "
            f"{1000 * median(each) / count:.1f} ms each"
        )
    ratio = median(seconds[environment]) / median(seconds["bare"])
    print(f"{environment} by the bare program: {ratio:.2f} (limit {MOST})  {'pass' if ratio <= MOST else 'FAIL'}")
    return ratio <= MOST


def main(environment: str = ENVIRONMENT) -> bool:
    """Measure and show; whether the limit is held."""
    with stage(environment, Paths.for_user(), PlainProgress()) as on:
        count, seconds = measure(on, environment)
    return show(environment, count, seconds)


if __name__ == "__main__":
    sys.exit(ExitCode.PASS if main(*sys.argv[1:2]) else ExitCode.FAIL)
