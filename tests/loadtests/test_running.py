"""Real workers against a server on 127.0.0.1 whose latencies are known."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from groundwork.verdict import Outcome, worst
from loadtests.gate import judge, rules
from loadtests.job import Caller
from loadtests.plan import Plan
from loadtests.running import Run, Target, run
from loadtests.samples import Samples, percentile
from tests.loadtests import made
from tests.loadtests.server import KnownServer, known_server


def sent(plan: Plan, server: KnownServer, key: str = "") -> Run:
    callers = tuple(Caller(address=server.address, key=key) for _ in plan.users)
    return run(plan, Target(callers=callers, connect={}))


def test_percentiles_are_the_servers_own() -> None:
    """A known distribution and two workers. The limit of 2 % is measured by tests/generator_bench.py.

    Long latencies (1 s to 4 s, evenly), so that what a busy machine adds on the way is small beside them. What it adds
    at the two ends is known and left out: the server's own delay, and how late each request was sent.
    """
    count = 300
    # Each latency once, in an order that has nothing to do with time.
    delays = [1 + 3 * (number * 77 % count) / count for number in range(count)]
    plan = made.plan(shape={"kind": "soak", "level": 60}, duration="5s", workers=2, connections=320)
    with known_server(lambda number: delays[number % count]) as server:
        measured = sent(plan, server)
    times = measured.samples.times(measured.samples.select(), prompt=True)
    assert len(times) == count
    assert not measured.samples.errors(range(count))
    took = sorted(server.took)
    assert all(wanted <= real + 0.002 for wanted, real in zip(sorted(delays), took, strict=True))
    for share in (0.5, 0.9, 0.99):
        assert percentile(times, share) == pytest.approx(took[int(share * count) - 1], rel=0.1)


def test_a_worker_that_stood_still_says_so_and_is_named() -> None:
    """Stopped for a third of a second in each of two seconds, as a busy machine does: no limit is broken by that."""
    plan = made.plan(
        shape={"kind": "soak", "level": 50}, duration="8s", limits={"latency": ["p(95) < 100ms"]}, connections=32
    )
    stopped: list[float] = []

    def watch(_: Samples, passed: float) -> str | None:
        if len(stopped) < 2:
            worker = int(Path(f"/proc/self/task/{threading.main_thread().native_id}/children").read_text().split()[-1])
            os.kill(worker, signal.SIGSTOP)
            stopped.append(passed)
            # What is waited for is time itself.
            threading.Timer(0.35, os.kill, (worker, signal.SIGCONT)).start()
        return None

    with known_server() as server:
        measured = run(plan, Target(callers=(Caller(address=server.address),), connect={}), watch)
    for at in stopped:
        assert measured.samples.still(at - 0.1, at + 0.6) > 0.3
    slow = [n for n in range(len(measured.samples)) if measured.samples.latency[n] > 100_000]
    assert len(slow) > 400 * 0.05
    assert not measured.samples.undisturbed(slow)
    checks = judge(measured, rules(plan), None)
    assert worst(check.outcome for check in checks) is Outcome.INCONCLUSIVE
    assert "load generator" in checks[-1].why


def test_waiting_is_counted_from_the_intended_start() -> None:
    """A server that stands still for a second: everybody who would have come in it has waited, and it is seen."""
    stood: list[float] = []

    def delay(_: int) -> float:
        now = time.monotonic()
        stood.append(now)
        return max(0.0, stood[0] + 2 - now) if now - stood[0] > 1 else 0.0

    plan = made.plan(shape={"kind": "soak", "level": 50}, duration="3s", connections=2)
    with known_server(delay) as server:
        measured = sent(plan, server)
    samples = measured.samples
    assert len(samples) == 150
    slow = [value for value in samples.latency if value > 100_000]
    # 50 arrivals in the second; a closed loop with its two connections would have seen two slow answers.
    assert 40 <= len(slow) < 150
    assert sum(samples.waited) > 30


def test_errors_keys_and_streams() -> None:
    users = [{"tenant": "acme", "agent": "concierge", "mix": {"short": 1, "streaming": 1}}]
    plan = made.plan(shape={"kind": "soak", "level": 100}, duration="2s", users=users)
    with known_server(status=lambda number: 503 if number % 10 == 0 else 200) as server:
        measured = sent(plan, server, key="the-key")
    samples = measured.samples
    errors = samples.errors(range(len(samples)))
    assert len(samples) == server.asked == 200
    assert sum(errors.values()) == 20
    assert set(errors) == {"http 503", "stream broken"}
    assert set(server.keys) == {"the-key"}
    streams = samples.select({"kind": "streaming"})
    assert all(0 < samples.first[n] <= samples.latency[n] for n in streams)
    assert not samples.times(samples.select({"kind": "short"}), "first")


def test_nobody_there_is_an_error_each() -> None:
    with known_server() as server:
        pass
    measured = sent(made.plan(shape={"kind": "soak", "level": 20}, duration="1s"), server)
    assert measured.samples.errors(range(20)) == {"connection refused": 20}


def test_closed_loop_has_as_many_callers_as_its_level() -> None:
    plan = made.plan(mode="closed", shape={"kind": "soak", "level": 5}, duration="2s")
    with known_server(lambda _: 0.1) as server:
        measured = sent(plan, server)
    assert 60 <= len(measured.samples) <= 105
    assert not measured.samples.errors(range(len(measured.samples)))


def test_a_run_ends_early_when_told() -> None:
    plan = made.plan(duration="60s")
    began = time.monotonic()

    def watch(_: Samples, passed: float) -> str | None:
        return "enough" if passed > 1 else None

    with known_server() as server:
        measured = run(plan, Target(callers=(Caller(address=server.address),), connect={}), watch)
    assert measured.aborted == "enough"
    assert time.monotonic() - began < 30
    assert 50 < len(measured.samples) < 3000
