"""What callers notice while a bill is applied: a load run beside it, asked stage by stage and as a whole."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from groundwork.console import Progress
from groundwork.errors import ExitCode, UserError
from groundwork.verdict import Check, Outcome, Verdict, worst
from loadtests.execute import Request, execute
from loadtests.gate import hold, rules
from loadtests.limits import Rule
from loadtests.plan import Plan, read_plan
from loadtests.running import Measured
from loadtests.samples import Samples
from loadtests.shapes import arrivals
from loadtests.store import Store
from local.paths import Paths
from promotion.settings import Shift

# The load is there, or says that it is not, within this; beyond a request's own time limit an answer is not coming; and
# where there were too few requests, so much longer is waited for more.
BEGIN_SECONDS, SPARE_SECONDS, PATIENCE_SECONDS = 180.0, 5.0, 60.0


@dataclass(frozen=True, kw_only=True)
class LoadAnalyser:
    """Sends a plan's load while an environment is changed. See `Analyser`.

    `runs`: where load runs are kept, if not where this user's own are.
    """

    paths: Paths
    progress: Progress
    runs: Path | None = None

    @contextmanager
    def watching(self, environment: str, bill: str, plan: str) -> Iterator[LoadRun]:
        """See `Analyser`. The load runs before anything is changed."""
        run = LoadRun(Request(plan=read_plan(plan), environment=environment, about={"bill": bill}), self)
        run.thread.start()
        try:
            run.has_begun()
            yield run
        finally:
            run.measured.enough.set()
            run.thread.join()


@dataclass(kw_only=True)
class Question:
    """Asked by the thread that applies, answered by the one that gathers. `begin`: seconds from the load's start.

    A request counts that was meant to be sent in the time from `begin` on; one whose answer is not there when it is to
    be judged is waited for: who only looks at answers does not see a version that gives none.
    """

    limits: Sequence[Rule]
    seconds: float
    begin: float | None = None
    stretched: float = 0.0
    answer: queue.Queue[list[Check]] = field(default_factory=lambda: queue.Queue(maxsize=1))

    def look(self, plan: Plan, samples: Samples, passed: float) -> list[Check] | None:
        """The checks; None while it is too early to say."""
        if self.begin is None:
            self.begin = passed
        end = self.begin + self.seconds
        checks = hold(self.limits, samples, self.begin, min(end, passed))
        found = worst(check.outcome for check in checks)
        if found is Outcome.FAIL:
            return checks
        if passed < end:
            return None
        if found is Outcome.INCONCLUSIVE and self.stretched < PATIENCE_SECONDS:
            self.stretched += passed - end
            self.seconds = passed - self.begin
            return None
        expected = sum(1 for moment in arrivals(plan) if self.begin <= moment < end)
        missing = expected - len(samples.select({}, self.begin, end))
        if missing <= 0:
            return checks
        if passed < end + plan.timeout.total_seconds() + SPARE_SECONDS:
            return None
        why = f"{missing} of {expected} requests have no answer"
        return [*checks, Check(name="answers", outcome=Outcome.FAIL, why=why)]


class LoadRun:
    """See `Analysis`."""

    def __init__(self, wanted: Request, analyser: LoadAnalyser) -> None:
        self._wanted, self._analyser = wanted, analyser
        self._questions: queue.Queue[Question] = queue.Queue()
        self._pending: Question | None = None
        self._begun = threading.Event()
        self._error: UserError | None = None
        self.measured = Measured(see=self._see)
        self.thread = threading.Thread(target=self._run, daemon=True)

    def has_begun(self) -> None:
        """Wait for the first answers. Raises UserError where there is no load."""
        self._begun.wait(BEGIN_SECONDS)
        if self._error is not None:
            raise self._error
        if not self._begun.is_set():
            raise UserError(what="the load did not begin in time", code=ExitCode.ERROR)

    def now(self, shift: Shift) -> Verdict:
        """See `Analysis`."""
        return self._asked(Question(limits=shift.rules, seconds=shift.hold.total_seconds()))

    def verdict(self) -> Verdict:
        """See `Analysis`. Whether the generator was late is no check here: that can only make a run look worse."""
        limits = rules(self._wanted.plan)
        return self._asked(Question(limits=limits, seconds=0.0, begin=self._wanted.plan.warm_up.total_seconds()))

    def _asked(self, question: Question) -> Verdict:
        self._questions.put(question)
        checks: list[Check] | None = None
        while checks is None:
            try:
                checks = question.answer.get(timeout=0.5)
            except queue.Empty:
                if not self.thread.is_alive():
                    why = str(self._error or "it ended before it was asked")
                    checks = [Check(name="load", outcome=Outcome.ERROR, why=why)]
        about = {"bill": (self._wanted.about or {})["bill"], "plan": self._wanted.plan.digest}
        return Verdict.of("load", self._wanted.environment, datetime.now(UTC), about, checks)

    def _see(self, samples: Samples, passed: float) -> None:
        """Called each second, in the load's thread: nobody else may look at samples that are being added to."""
        if len(samples):
            self._begun.set()
        if self._pending is None and not self._questions.empty():
            self._pending = self._questions.get()
            if not self._pending.seconds:
                self._pending.seconds = passed - (self._pending.begin or 0.0)
        if self._pending is not None:
            checks = self._pending.look(self._wanted.plan, samples, passed)
            if checks is not None:
                self._pending.answer.put(checks)
                self._pending = None

    def _run(self) -> None:
        try:
            store = Store(self._analyser.runs or self._analyser.paths.data / "load")
            execute(self._wanted, store, self._analyser.progress, self.measured)
        except UserError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 – said in the thread that asks
            self._error = UserError(what=f"the load failed: {error!r}", code=ExitCode.ERROR)
        finally:
            self._begun.set()
