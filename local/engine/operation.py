"""One operation of the engine on one stack: opened, mended after a kill, run, followed."""

from __future__ import annotations

import importlib
import os
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from groundwork.console import Progress, Step
from groundwork.errors import ExitCode, UserError
from groundwork.garbage import look_rarely
from local.cluster import Cluster
from local.engine.outputs import public
from local.engine.recovery import (
    Find,
    PendingCreate,
    forget_files,
    is_disordered,
    is_made,
    mend_files,
    settle,
    was_interrupted,
)
from local.engine.report import Report
from local.engine.workspace import Engine
from local.paths import CHECKOUT

if TYPE_CHECKING:
    from pulumi.automation import Stack

# Each has an engine and a provider of its own, a few hundred MB; the rest wait their turn.
AT_ONCE = 4
# A tenant's routes at the gateway, by their URNs.
ROUTES = "**groundwork:gateway:TenantRoute$**"
# What every preview and update is held to, while the engine works.
PACKS = (str(CHECKOUT / "policies" / "pack"),)


class Operation(StrEnum):
    """What the engine is asked to do.

    `route`: what the program says of a tenant's routes, and nothing else. `drift`: what is no longer as the state says.
    """

    UP = "up"
    ROUTE = "route"
    PREVIEW = "preview"
    DRIFT = "drift"
    DESTROY = "destroy"


@dataclass(frozen=True, kw_only=True)
class StackOutcome:
    """What the engine did. `outputs`: of an `up`, secrets left out; `changed`: how many resources, `touched`: which.

    `advice`: breaches of policies that do not stop it; `unseen`: checks that met a value not known yet. `drifted`: what
    is no longer as the state says, asked for by itself.
    """

    stack: str
    outputs: Mapping[str, object]
    changed: int
    summary: str
    seconds: float
    touched: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    unseen: int = 0
    drifted: tuple[str, ...] = ()


class Runs(Protocol):
    """What runs an operation of the engine: `Operator` does. Both raise UserError with the engine's own words."""

    def run(self, operation: Operation, stack: str) -> StackOutcome:
        """On one stack."""
        ...

    def run_all(self, operation: Operation, stacks: Iterable[str]) -> list[StackOutcome]:
        """On several that have nothing to do with each other."""
        ...


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Runs operations: an engine, and the cluster that tells what a killed run had made. `find` tells it of AWS."""

    engine: Engine
    cluster: Cluster
    progress: Progress
    find: Find | None = None
    # The vendor's modules load when they are first asked for something, which two threads must not do at once (Python's
    # LazyLoader). It costs nothing: declaring is Python's own work, of which there is one at a time anyway.
    _declaring: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def run(self, operation: Operation, stack: str) -> StackOutcome:
        """Raises UserError with the engine's own words, or the program's."""
        with self.progress.step(f"pulumi {operation} {stack}") as step:
            outcome = self._operate(operation, stack, step)
            step.update(outcome.summary)
        self._tell(outcome)
        return outcome

    def run_all(self, operation: Operation, stacks: Iterable[str]) -> list[StackOutcome]:
        """Several stacks that have nothing to do with each other, some at a time; each is tried.

        Raises UserError with what went wrong in any.
        """
        names = list(stacks)
        if len(names) < 2:
            return [self.run(operation, name) for name in names]
        failures: list[UserError] = []
        outcomes: list[StackOutcome] = []
        with self.progress.step(f"pulumi {operation} of {len(names)} stacks") as step:
            board = _Board(step, len(names))

            def one(name: str) -> None:
                try:
                    outcome = self._operate(operation, name, board.lane(name))
                except UserError as error:
                    failures.append(UserError(what=f"{name}: {error}", code=error.code))
                else:
                    outcomes.append(outcome)
                    self.progress.say(f"  {name}: {outcome.summary} ({outcome.seconds:.1f} s)")
                    self._tell(outcome)
                board.ended(name)

            with ThreadPoolExecutor(AT_ONCE) as pool:
                try:
                    list(pool.map(one, names))
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
        if failures:
            raise _joined(failures)
        return sorted(outcomes, key=lambda outcome: names.index(outcome.stack))

    def forget(self, stack: str) -> None:
        """Remove the stack's state, also one that still lists resources, and all that is kept of it."""
        self._mend(stack)
        self.engine.forget(stack)
        forget_files(self.engine.backend, stack)

    def _operate(self, operation: Operation, name: str, step: Step) -> StackOutcome:
        from pulumi import RunError
        from pulumi.automation import CommandError

        import stacks
        from local.engine.quiet import without_debug

        refused: list[UserError] = []

        def program() -> None:
            try:
                without_debug()
                with self._declaring:
                    stacks.program()
            except RunError as error:
                if isinstance(error.__context__, UserError):
                    refused.append(error.__context__)
                raise

        started = time.monotonic()
        look_rarely()
        if operation is not Operation.DESTROY:
            # While the engine opens the stack, as it takes as long.
            threading.Thread(target=_load_components, daemon=True).start()
        self._mend(name)
        report = Report(step)
        try:
            stack = self.engine.stack(name, program)
            interrupted = was_interrupted(self.engine.backend, name)
            if interrupted:
                settle(stack, self._find, self.progress.say)
            made = operation is Operation.UP and not interrupted and is_made(self.engine.backend, name)
            seen = look(stack, step) if made and _saves_steps() else Seen.UNKNOWN
            if seen is not Seen.UNCHANGED:
                _run(stack, operation, report, refresh=seen is Seen.UNKNOWN)
            outputs = _judged(stack) if operation is Operation.UP else {}
        except CommandError as error:
            raise (refused[0] if refused else report.error(operation, str(error))) from None
        return StackOutcome(
            stack=name,
            outputs=outputs,
            changed=report.changed,
            summary=report.summary(),
            seconds=time.monotonic() - started,
            touched=tuple(report.touched),
            advice=tuple(report.advice),
            unseen=report.unseen,
            drifted=tuple(report.stale) if operation is Operation.DRIFT else (),
        )

    def _tell(self, outcome: StackOutcome) -> None:
        """What the policies advise, and what they could not see: the engine lets both pass."""
        for line in outcome.advice:
            self.progress.say(f"  policy: {line}")
        if outcome.unseen:
            self.progress.say(
                f"  policy: {outcome.unseen} checks of {outcome.stack} met values not known before `up`, which "
                "looks again at the end"
            )

    def _find(self, create: PendingCreate, deployment: Mapping[str, object]) -> str | None:
        if create.object_id is not None:
            return create.object_id if self.cluster.made_by_pulumi(create.inputs) else None
        return self.find(create, deployment) if self.find is not None else None

    def _mend(self, name: str) -> None:
        mend_files(self.engine.backend, name, self.progress.say)
        # What a run with a target writes can be in an order that the next one refuses (engine 3.259).
        if is_disordered(self.engine.backend, name):
            self.progress.say(f"putting the state of {name} in order, which the engine's last run left in none")
            self.engine.repair(name)


def _saves_steps() -> bool:
    """Whether the engine writes the state at every step. Where it does so once, at the end, a look is no gain."""
    return os.environ.get("PULUMI_SKIP_CHECKPOINTS") != "true"


def _run(stack: Stack, operation: Operation, report: Report, *, refresh: bool) -> None:
    match operation:
        case Operation.UP:
            # The refresh mends drift, and a state that knows of a cluster that is gone.
            stack.up(
                on_event=report.on_event,
                color="never",
                suppress_outputs=True,
                refresh=refresh,
                policy_packs=list(PACKS),
            )
        case Operation.ROUTE:
            # No refresh: requests are moved away from what fails, at once. The `up` that follows looks at everything.
            stack.up(
                on_event=report.on_event,
                color="never",
                suppress_outputs=True,
                target=[ROUTES],
                policy_packs=list(PACKS),
            )
        case Operation.PREVIEW:
            stack.preview(on_event=report.on_event, color="never", policy_packs=list(PACKS))
        case Operation.DRIFT:
            # The program is not asked: what it would change since is no drift.
            stack.preview_refresh(on_event=report.on_event, color="never", show_secrets=False, run_program=False)
        case Operation.DESTROY:
            stack.destroy(on_event=report.on_event, color="never")


def _judged(stack: Stack) -> Mapping[str, object]:
    """The outputs of a stack that is up. Raises UserError where its state breaks a policy that stops an update: by now
    every value is known.
    """
    from policies.analysis import Findings

    deployment = stack.export_stack().deployment or {}
    Findings.of_state(deployment).refuse(stack.name)
    return public(deployment)


class Seen(StrEnum):
    """What a look at a stack found, before an `up` of it.

    `unchanged`: the state is what is there, and the program changes nothing, the stack's outputs neither: other stacks
    read them. `current`: the program changes something, and the state is what is there. `unknown`: the state may be
    another, or nobody can tell.
    """

    UNCHANGED = "unchanged"
    CURRENT = "current"
    UNKNOWN = "unknown"


def look(stack: Stack, step: Step) -> Seen:
    """Asked first, as a preview writes no state: `up` writes the whole of it for every resource, for those that stay as
    they are too, and twice where it refreshes. Where the preview fails, `up` says why, or succeeds.
    """
    from pulumi.automation import CommandError

    seen = Report(step)
    try:
        stack.preview(on_event=seen.on_event, color="never", suppress_outputs=True, refresh=True)
    except CommandError:
        return Seen.UNKNOWN
    if seen.stale or seen.outdated:
        return Seen.UNKNOWN
    return Seen.CURRENT if seen.changed or seen.new_outputs else Seen.UNCHANGED


def _load_components() -> None:
    """Import what the program will need; Python does it once, and whoever comes second waits for the first."""
    importlib.import_module("components.tenancy.tenant")


class _Board:
    """What several stacks show in one step: the one that moved last, and how many have ended."""

    def __init__(self, step: Step, count: int) -> None:
        self._step, self._count = step, count
        self._ended: set[str] = set()

    def lane(self, name: str) -> Step:
        return _Lane(name, self)

    def ended(self, name: str) -> None:
        self._ended.add(name)
        self.show("")

    def show(self, detail: str) -> None:
        self._step.update(f"{len(self._ended)} of {self._count}" + (f", {detail}" if detail else ""))


class _Lane(Step):
    def __init__(self, name: str, board: _Board) -> None:
        super().__init__(name)
        self._board = board

    def update(self, detail: str) -> None:
        super().update(detail)
        self._board.show(f"{self.title}: {detail}" if detail else "")


def _joined(failures: list[UserError]) -> UserError:
    if len(failures) == 1:
        return failures[0]
    what = "\n".join([f"{len(failures)} stacks failed", *(str(failure) for failure in failures)])
    return UserError(what=what, code=max((failure.code for failure in failures), default=ExitCode.ERROR))
