"""One load run from plan to verdict: reach the target, send, judge, keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from groundwork.console import Progress
from groundwork.verdict import Verdict
from loadtests.gate import hopeless, judge, rules
from loadtests.plan import Plan
from loadtests.result import Result, sum_up
from loadtests.running import Measured, Target, run
from loadtests.samples import Samples
from loadtests.server import compare
from loadtests.store import Store
from loadtests.target import at_address, of_environment, read_keys


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be run. `address`: in place of the environment that is up here; `about`: the verdict's digests."""

    plan: Plan
    environment: str
    address: str | None = None
    keys: Path | None = None
    authority: Path | None = None
    prometheus: str | None = None
    about: Mapping[str, str] | None = None


def execute(wanted: Request, store: Store, progress: Progress, looking: Measured | None = None) -> tuple[Result, Path]:
    """Run, judge, keep; returns what was kept and where. Raises UserError where there is nothing to ask."""
    plan, target_name = wanted.plan, wanted.address or f"{wanted.environment}, by its gateway"
    with progress.step(f"load {plan.name}") as step, reached(wanted) as target:
        limits = rules(plan, (caller.tier for caller in target.callers))

        def watch(samples: Samples, passed: float) -> str | None:
            step.update(f"{min(passed, plan.seconds):.0f} of {plan.seconds:.0f} s, {len(samples)} requests")
            return next((why for rule in limits if (why := hopeless(rule, samples, plan))), None)

        measured = run(plan, target, watch, looking)
        step.update(f"{len(measured.samples)} requests")
    checks = judge(measured, limits, store.baseline(plan, target_name, wanted.environment))
    if wanted.prometheus is not None:
        checks.extend(compare(wanted.prometheus, measured))
    about = {"plan": plan.digest} | dict(wanted.about or {})
    verdict = Verdict.of("load", wanted.environment, datetime.now(UTC), about, checks)
    result = sum_up(f"{measured.began:%Y%m%dT%H%M%S}-{plan.name}", target_name, measured, verdict)
    return result, store.save(result, measured.samples)


@contextmanager
def reached(wanted: Request) -> Iterator[Target]:
    """Where the request's plan is sent, while the block lasts. Raises UserError where nobody is to be asked."""
    if wanted.address is None:
        with of_environment(wanted.plan, wanted.environment) as target:
            yield target
    else:
        keys = read_keys(wanted.keys) if wanted.keys is not None else {}
        yield at_address(wanted.plan, wanted.address, keys, wanted.authority)
