"""`make bench`: the limits that the issues set, measured on this machine, each with pass or fail.

Not part of the tests: a timing depends on the machine. Exit code 99 when a limit is not held, 98 when the
machine was not quiet enough to tell.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from unittest import mock

from groundwork.errors import ExitCode
from groundwork.verdict import Outcome, worst
from tests import bench_preview, bench_tenants, generator_bench
from tests.bench_row import held, row
from tests.cluster import gateway_bench, half_bench, limits_bench, moving_bench, trouble_bench

GROUNDWORK = (sys.executable, "-m", "groundwork")
# The environment's stack without its tenants' as `pulumi preview` does it: that command itself needs the vendor's
# language host, which is in no registry.
ENVIRONMENT = "from tests import bench; bench.preview_environment()"
WITHOUT_PACK = "from tests import bench; bench.preview_environment(pack=False)"
RUNS = 3
# Of a preview's time, what the policy pack may add; so many pairs are run.
PACK_MOST, PACK_PAIRS = 0.20, 5


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What is measured, in seconds, and the most it may be. `check`: what must hold of the command's output.

    `code`: what the command must end with.
    """

    name: str
    command: tuple[str, ...]
    most: float
    check: Callable[[str], bool]
    code: int = 0


def unchanged(output: str) -> bool:
    """Whether the command's JSON says that no resource was touched."""
    return bool(json.loads(output)["changed"] == 0)


def groundwork(*arguments: str) -> tuple[str, ...]:
    """Our own command line."""
    return (*GROUNDWORK, *arguments)


LIMITS = (
    Limit(name="warm `groundwork up local`", command=groundwork("up", "local", "--json"), most=60, check=unchanged),
    Limit(
        name="preview of the environment",
        command=(sys.executable, "-c", ENVIRONMENT),
        most=10,
        check=unchanged,
    ),
    Limit(
        name="preview of one tenant",
        command=groundwork("preview", "local.acme", "--json"),
        most=5,
        check=unchanged,
    ),
    # What is not up has values that nobody knows, which is inconclusive and no pass.
    Limit(
        name="policies of prod, all stages",
        command=groundwork("policy", "check", "prod", "--json"),
        most=30,
        check=lambda text: not any(check["outcome"] == "fail" for check in json.loads(text)["verdict"]["checks"]),
        code=ExitCode.INCONCLUSIVE,
    ),
    Limit(name="`groundwork --help`", command=groundwork("--help"), most=1, check=lambda text: "up" in text),
)


def preview_environment(*, pack: bool = True) -> None:
    """Preview the stack of the environment that is up, alone, with or without the policy pack."""
    from groundwork.console import PlainProgress
    from local import record
    from local.engine import operation
    from local.engine.operation import Operation
    from local.paths import Paths
    from local.up import operator_of

    paths = Paths.for_user()
    made = record.require(paths)
    with mock.patch.object(operation, "PACKS", operation.PACKS if pack else ()):
        outcome = operator_of(made, paths, PlainProgress()).run(Operation.PREVIEW, made.stack)
    print(json.dumps({"changed": outcome.changed}))


def measure(limit: Limit) -> list[float]:
    """Seconds of each of a few runs. Raises when the command fails or its output is not as it must be."""
    seconds = []
    for _ in range(RUNS):
        started = time.monotonic()
        done = subprocess.run(limit.command, capture_output=True, text=True, check=False)
        seconds.append(time.monotonic() - started)
        if done.returncode != limit.code or not limit.check(done.stdout):
            raise RuntimeError(f"{limit.name}: not as expected, {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return seconds


def overhead_of_the_pack() -> Outcome:
    """What the pack adds to a preview, by pairs of runs in turn: of a machine that gets slower, both see as much."""
    shares = []
    for _ in range(PACK_PAIRS):
        without, with_pack = (_preview_seconds(code) for code in (WITHOUT_PACK, ENVIRONMENT))
        shares.append(with_pack / without - 1)
    verdict = held(median(shares) <= PACK_MOST)
    figures = f"{PACK_MOST:6.0%}  {median(shares):7.1%}  {min(shares):7.1%}  {max(shares):7.1%} "
    print(row("the pack, of a preview", figures, verdict))
    return verdict


def _preview_seconds(code: str) -> float:
    started = time.monotonic()
    subprocess.run((sys.executable, "-c", code), capture_output=True, check=True)
    return time.monotonic() - started


def main() -> int:
    """Print a row a limit."""
    outcomes = []
    print(f"{'':34} {'limit':>7} {'median':>8} {'min':>8} {'max':>8}")
    for limit in LIMITS:
        seconds = measure(limit)
        outcomes.append(held(median(seconds) <= limit.most))
        figures = f"{limit.most:6.0f}s {median(seconds):7.2f}s {min(seconds):7.2f}s {max(seconds):7.2f}s"
        print(row(limit.name, figures, outcomes[-1]))
    outcomes.append(overhead_of_the_pack())
    outcomes.append(held(bench_preview.main()))
    # In a process of its own: it has other environment variables.
    engine = subprocess.run((sys.executable, "-m", "tests.bench_engine"), check=False)
    outcomes += [held(engine.returncode == ExitCode.PASS), limits_bench.main(), trouble_bench.main()]
    outcomes += [generator_bench.main(), moving_bench.main(), half_bench.main()]
    gateway_bench.main()
    print()
    outcomes.append(held(bench_tenants.show(bench_tenants.measure())))
    return worst(outcomes).exit_code


if __name__ == "__main__":
    sys.exit(main())
