"""One process that sends load: Locust's users on geventhttpclient, told what to do on standard input.

    python -m loadtests.worker

Nothing of a key is in its arguments or its environment. It ends when its part is done, or when its standard input
closes: a killed parent leaves no load behind.
"""

from __future__ import annotations

import locust  # isort: skip – first: it patches the standard library for gevent

import json
import random
import ssl
import sys
import time
from bisect import bisect
from collections.abc import Iterator
from dataclasses import asdict
from io import FileIO
from itertools import accumulate, islice
from typing import Any, ClassVar

import gevent
import gevent.socket
from gevent.event import Event
from locust import FastHttpUser, constant, task
from locust.env import Environment
from locust.exception import StopUser

from loadtests.job import Job, Row, Start, WorkerEnd
from loadtests.plan import Request
from loadtests.shapes import arrivals, level, stages

WORDS = ("report", "guest", "room", "hotel", "market", "growth", "river", "signal", "paper", "winter")
FLUSH_SECONDS, READY_SECONDS = 0.5, 0.05
# A worker that was to look up after the first and did so later by the second was kept from it: its processor was
# somebody else's, or its own work took too long. Whatever it sent or took in meanwhile was late by that.
BEAT_SECONDS, PAUSE_SECONDS = 0.02, 0.03
_ERRORS = (
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "connection refused"),
    (ConnectionResetError, "connection reset"),
    (ssl.SSLError, "tls"),
    (ConnectionError, "connection closed"),
    (OSError, "network"),
)


class Wanted:
    """One request to be sent, for a series of the plan."""

    __slots__ = ("body", "headers", "number", "request", "url")

    def __init__(self, number: int, request: Request, url: str, key: str) -> None:
        self.number = number
        self.request = request
        self.url = url + request.path
        self.body = _words(request.body) if request.body else None
        self.headers = {"accept-encoding": "identity"} | ({"x-api-key": key} if key else {})
        if self.body is not None:
            self.headers["content-type"] = "application/json"


class Source:
    """Whose request is next, and when; and what came of it."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.rows: list[Row] = []
        self.pauses: list[tuple[int, int]] = []
        self._looked_up: float | None = None
        self.started = self.ends = 0.0
        self.begun, self.stop = Event(), Event()
        self.exhausted = False
        self._wanted, self._bounds = _choices(job)
        # Seeded by the worker's part: the mix is the same in each run of a plan.
        self._chance = random.Random(f"{job.plan.name}/{job.index}")  # noqa: S311
        self._arrivals: Iterator[float] = islice(arrivals(job.plan), job.index, None, job.count)

    def begin(self, start: Start) -> None:
        """From here on there are arrivals."""
        self.started = time.perf_counter() + (start.at - time.time())
        self.ends = self.started + self.job.plan.seconds
        self.begun.set()

    def beat(self) -> None:
        """Called all the time: where it was not, the worker stood still."""
        now, before = time.perf_counter(), self._looked_up
        self._looked_up = now
        if before is not None and now - before > BEAT_SECONDS + PAUSE_SECONDS:
            self.pauses.append(
                (max(0, round((before - self.started) * 1e6)), max(0, round((now - self.started) * 1e6)))
            )

    def choose(self) -> Wanted:
        """By weight and mix."""
        return self._wanted[bisect(self._bounds, self._chance.random() * self._bounds[-1])]

    def intended(self) -> float | None:
        """The next arrival, of the performance counter's time; None where there is no more."""
        moment = next(self._arrivals, None)
        if moment is None or self.stop.is_set():
            self.exhausted = True
            return None
        return self.started + moment

    def unsent(self) -> list[Row]:
        """Arrivals whose time came and that no connection was free for until the end: requests without an answer."""
        if self.stop.is_set() or self.job.plan.mode == "closed":
            return []
        over = self.job.plan.timeout.total_seconds()
        return [
            Row(
                series=self.choose().number,
                intended=round(moment * 1e6),
                latency=round((self.job.plan.seconds + over - moment) * 1e6),
                first=0,
                late=0,
                waited=1,
                error="not sent",
            )
            for moment in self._arrivals
        ]


class Caller(FastHttpUser):
    """One connection: takes the next request whose time has come, sends it, waits for its answer."""

    wait_time = constant(0)
    insecure = False
    concurrency = 1
    max_redirects = 0
    host = "http://unused"
    source: ClassVar[Source]

    @task
    def ask(self) -> None:
        """One request; a user without one left ends."""
        source, plan = self.source, self.source.job.plan
        source.begun.wait()
        if plan.mode == "closed":
            intended = time.perf_counter()
            if source.stop.is_set() or intended >= source.ends:
                source.exhausted = True
                raise StopUser
            self._send(source.choose(), intended, waited=False)
            source.stop.wait(plan.pause.total_seconds())
            return
        due = source.intended()
        if due is None:
            raise StopUser
        ahead = due - time.perf_counter()
        if ahead > 0 and source.stop.wait(ahead):
            raise StopUser
        self._send(source.choose(), due, waited=ahead <= 0)

    def _send(self, wanted: Wanted, intended: float, *, waited: bool) -> None:
        began = time.perf_counter()
        error, first = "", 0.0
        try:
            with self.client.request(
                wanted.request.method,
                wanted.url,
                name=wanted.request.path,
                data=wanted.body,
                headers=wanted.headers,
                stream=wanted.request.stream,
                catch_response=True,
            ) as answer:
                error, first = _judge(answer, wanted.request)
                answer.failure(error) if error else answer.success()
        except Exception as caught:  # noqa: BLE001 – whatever a client may raise is a request without an answer
            error = _name(caught)
        ended = time.perf_counter()
        source = self.source
        source.rows.append(
            Row(
                series=wanted.number,
                intended=round((intended - source.started) * 1e6),
                latency=max(1, round((ended - intended) * 1e6)),
                first=max(1, round((first - intended) * 1e6)) if first else 0,
                late=max(0, round((began - intended) * 1e6)),
                waited=int(waited),
                error=error,
            )
        )


def _judge(answer: Any, request: Request) -> tuple[str, float]:  # noqa: ANN401 – Locust's responses have no types
    """What is wrong with an answer, if anything, and when a stream's first piece came."""
    failed = getattr(answer, "error", None)
    if failed is not None and not answer.status_code:
        return _name(failed), 0.0
    if not 200 <= answer.status_code < 300:
        return f"http {answer.status_code}", 0.0
    if not request.stream:
        content = answer.content or b""
        return ("" if request.expect.encode() in content else "unexpected answer"), 0.0
    first, content = 0.0, b""
    # Locust's iter_content takes a broken connection for the end; the stream's own end must have been seen.
    for piece in answer.iter_content(4096, decode_content=False):
        first = first or time.perf_counter()
        content += piece
    return ("" if request.expect.encode() in content else "stream broken"), first


def _name(error: BaseException) -> str:
    cause = getattr(error, "reason", None)
    error = cause if isinstance(cause, BaseException) else error
    return next((name for kind, name in _ERRORS if isinstance(error, kind)), type(error).__name__)


def _choices(job: Job) -> tuple[list[Wanted], list[float]]:
    kinds = job.plan.kinds
    wanted: list[Wanted] = []
    weights: list[float] = []
    for users, caller in zip(job.plan.users, job.callers, strict=True):
        whole = sum(users.mix.values())
        for kind, share in users.mix.items():
            wanted.append(Wanted(len(wanted), kinds[kind], caller.address, caller.key))
            weights.append(users.weight * share / whole)
    return wanted, list(accumulate(weights))


def _words(body: str) -> str:
    before, marker, rest = body.partition("{words:")
    if not marker:
        return body
    count, _, after = rest.partition("}")
    return before + " ".join(WORDS[number % len(WORDS)] for number in range(int(count))) + after


class Names:
    """A resolver that knows the plan's hosts, and asks no name server."""

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known
        self._other = gevent.get_hub().resolver

    def getaddrinfo(self, host: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 – the standard library's own form
        """The address of a host; of one that is not the plan's, what the system says."""
        name = host.decode() if isinstance(host, bytes) else host
        return self._other.getaddrinfo(self._known.get(name, name), *rest, **more)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._other, name)


def run(job: Job, orders: FileIO) -> WorkerEnd:
    """Send the job's part, when told to start. Rows go to standard output as they come."""
    if job.connect:
        gevent.get_hub().resolver = Names(dict(job.connect))
    source = Source(job)
    trust = ssl.create_default_context(cadata=job.authority)
    seconds = job.plan.timeout.total_seconds()
    user = type(
        "PlanCaller",
        (Caller,),
        {
            "source": source,
            "network_timeout": seconds,
            "connection_timeout": seconds,
            "ssl_context_factory": staticmethod(lambda: trust),
        },
    )
    environment = Environment(user_classes=[user], stop_timeout=seconds)
    runner = environment.create_local_runner()
    if job.plan.mode == "open":
        users = max(1, job.plan.connections // job.count)
        _spawn(runner, users)
        while runner.user_count < users:
            gevent.sleep(READY_SECONDS)
    _say({"ready": True})
    source.begin(Start.model_validate_json(orders.readline()))
    gevent.spawn(_obey, source)
    gevent.spawn(_beat, source)
    before = time.process_time()
    gevent.sleep(max(0.0, source.started - time.perf_counter()))
    _follow(source, runner)
    seconds = time.perf_counter() - source.started
    source.rows.extend(source.unsent())
    _flush(source)
    return WorkerEnd(index=job.index, processor=time.process_time() - before, seconds=seconds)


def _follow(source: Source, runner: locust.runners.LocalRunner) -> None:
    """Flush rows until every user has ended; in closed mode, keep as many users as the shape says."""
    plan, parts = source.job.plan, stages(source.job.plan)
    last = source.ends + plan.timeout.total_seconds() + 5
    while time.perf_counter() < last:
        passed = time.perf_counter() - source.started
        if plan.mode == "closed" and not source.exhausted:
            users = round(level(parts, passed) / source.job.count)
            if users != runner.target_user_count:
                _spawn(runner, users)
        _flush(source)
        if runner.user_count == 0 and (source.exhausted or source.stop.is_set()):
            break
        gevent.sleep(FLUSH_SECONDS)
    source.exhausted = True
    runner.quit()
    _flush(source)


def _spawn(runner: locust.runners.LocalRunner, users: int) -> None:
    runner.start(users, spawn_rate=max(users, 1), wait=False)


def _beat(source: Source) -> None:
    while True:
        source.beat()
        gevent.sleep(BEAT_SECONDS)


def _obey(source: Source) -> None:
    """Stop when the parent says so, or is gone."""
    gevent.socket.wait_read(sys.stdin.fileno())
    source.stop.set()


def _flush(source: Source) -> None:
    source.beat()  # first: nobody sees an answer that was late without the reason
    rows, source.rows = source.rows, []
    pauses, source.pauses = source.pauses, []
    if rows or pauses:
        _say({"rows": rows, "pauses": pauses})


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the job, then the start, a line of standard input each; its end is the sign to stop."""
    # Unbuffered, so that what follows the first line stays where the watcher looks for it.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stream:
        end = run(Job.model_validate_json(stream.readline()), stream)
    _say({"end": asdict(end)})


if __name__ == "__main__":
    main()
