"""Sends a plan's load from several processes, and gathers what they measured."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from groundwork.errors import ExitCode, UserError
from loadtests.job import Caller, Job, Row, Start, WorkerEnd, series
from loadtests.plan import Plan
from loadtests.samples import Samples
from local.paths import CHECKOUT

# From the last worker's being ready to the first request, and for each worker to be ready and to end.
LEAD_SECONDS, READY_SECONDS, GRACE_SECONDS = 0.5, 120.0, 120.0
Watch = Callable[[Samples, float], str | None]


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a plan's users ask. `callers`: in the order of the plan's users; the rest as in `Job`."""

    callers: tuple[Caller, ...]
    connect: Mapping[str, str]
    authority: str | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """What was sent and measured. `began`: when the load began; `aborted`: why it ended early."""

    plan: Plan
    samples: Samples
    began: datetime
    seconds: float
    workers: tuple[WorkerEnd, ...]
    aborted: str | None


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Somebody who looks on. `see`: told each second what is there, and the seconds; `enough`: ends the run, as if its
    plan were no longer.
    """

    see: Callable[[Samples, float], None]
    enough: threading.Event = field(default_factory=threading.Event)


def run(plan: Plan, target: Target, watch: Watch | None = None, looking: Measured | None = None) -> Run:
    """Send the plan to the target. `watch`: asked each second with what is there and the time; a text ends the run.

    Raises UserError where a worker fails: what is then missing would make every figure wrong.
    """
    samples = Samples(series=series(plan, target.callers))
    jobs = [
        Job(
            plan=plan,
            callers=target.callers,
            index=index,
            count=plan.workers,
            connect=target.connect,
            authority=target.authority,
        )
        for index in range(plan.workers)
    ]
    with _processes(jobs) as workers:
        start = _start(workers)
        aborted, ends, length = _gather(workers, samples, start, plan, _Looks(watch, looking))
    return Run(
        plan=plan if length is None else plan.model_copy(update={"duration": timedelta(seconds=length)}),
        samples=samples,
        began=datetime.fromtimestamp(start, UTC),
        seconds=max((end.seconds for end in ends), default=0.0),
        workers=tuple(sorted(ends, key=lambda end: end.index)),
        aborted=aborted,
    )


class _Worker:
    """A process, and the thread that reads what it says into a queue that all share."""

    def __init__(self, job: Job, said: queue.Queue[tuple[int, str | None]]) -> None:
        self.index = job.index
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loadtests.worker"],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.complaints: list[str] = []
        threading.Thread(target=self._read, args=(said,), daemon=True).start()
        threading.Thread(target=self._read_complaints, daemon=True).start()
        self.tell(job)

    def tell(self, order: Job | Start) -> None:
        """Write a line to its standard input. A worker that is gone is found when its output ends."""
        assert self.process.stdin is not None  # noqa: S101 – asked for above
        with suppress(BrokenPipeError):
            self.process.stdin.write(order.model_dump_json(by_alias=True) + "\n")
            self.process.stdin.flush()

    def stop(self) -> None:
        """Ask it to end what is under way and send no more: its standard input closes."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()

    def end(self) -> None:
        """It must not go on, whatever it does."""
        self.stop()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _read(self, said: queue.Queue[tuple[int, str | None]]) -> None:
        for line in self.process.stdout or ():
            said.put((self.index, line))
        said.put((self.index, None))

    def _read_complaints(self) -> None:
        for line in self.process.stderr or ():
            self.complaints = [*self.complaints[-50:], line.rstrip()]


@dataclass(kw_only=True)
class _Workers:
    all: list[_Worker]
    said: queue.Queue[tuple[int, str | None]]


@contextmanager
def _processes(jobs: list[Job]) -> Iterator[_Workers]:
    said: queue.Queue[tuple[int, str | None]] = queue.Queue()
    workers = _Workers(all=[], said=said)
    try:
        for job in jobs:
            workers.all.append(_Worker(job, said))
        yield workers
    finally:
        for worker in workers.all:
            worker.end()


def _start(workers: _Workers) -> float:
    """Wait until every worker is ready, then tell all of them when the run starts: the Unix time. Raises UserError."""
    deadline = time.monotonic() + READY_SECONDS
    waiting = {worker.index for worker in workers.all}
    while waiting:
        try:
            index, line = workers.said.get(timeout=max(0.1, deadline - time.monotonic()))
        except queue.Empty:
            raise UserError(what="the workers of a load run were not ready in time", code=ExitCode.ERROR) from None
        if line is None:
            raise _failed(workers.all[index])
        waiting.discard(index)
    start = Start(at=time.time() + LEAD_SECONDS)
    for worker in workers.all:
        worker.tell(start)
    return start.at


def _failed(worker: _Worker) -> UserError:
    said = "\n".join(worker.complaints[-8:])
    return UserError(what=f"worker {worker.index} of a load run failed\n{said}", code=ExitCode.ERROR)


@dataclass(frozen=True)
class _Looks:
    """Who is told of a run under way."""

    watch: Watch | None
    looking: Measured | None

    def at(self, samples: Samples, passed: float) -> tuple[str | None, bool]:
        """Why the run is to be given up, and whether it has been long enough."""
        if self.looking is not None:
            self.looking.see(samples, passed)
        why = self.watch(samples, passed) if self.watch is not None else None
        return why, self.looking is not None and self.looking.enough.is_set()


def _gather(
    workers: _Workers, samples: Samples, start: float, plan: Plan, looks: _Looks
) -> tuple[str | None, list[WorkerEnd], float | None]:
    """Take in what the workers say until all have ended.

    Returns why the run was given up, how each ended, and after how many seconds it was long enough.
    """
    ends: dict[int, WorkerEnd] = {}
    gone: set[int] = set()
    aborted: str | None = None
    length: float | None = None
    last = start + plan.seconds + plan.timeout.total_seconds() + GRACE_SECONDS
    asked = start
    while len(gone) < len(workers.all):
        if time.time() > last:
            raise UserError(what="the workers of a load run did not end in time", code=ExitCode.ERROR)
        try:
            index, line = workers.said.get(timeout=0.5)
        except queue.Empty:
            continue
        if line is None:
            gone.add(index)
            continue
        message = json.loads(line)
        samples.add((Row(*row) for row in message.get("rows", ())), message.get("pauses", ()))
        if "end" in message:
            ends[index] = WorkerEnd(**message["end"])
        now = time.time()
        if aborted is None and length is None and now - asked >= 1:
            asked = now
            aborted, enough = looks.at(samples, now - start)
            length = max(1.0, now - start) if enough else None
            if aborted is not None or enough:
                for worker in workers.all:
                    worker.stop()
    for worker in workers.all:
        if worker.index not in ends:
            raise _failed(worker)
    return aborted, list(ends.values()), length
