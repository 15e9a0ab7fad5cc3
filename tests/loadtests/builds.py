"""A build under the load gate: two processes of it behind haproxy, one of which is replaced in the middle of the run.

Haproxy stands for the gateway: it asks for readiness, and tries a connection that was refused once more elsewhere.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from urllib.error import URLError

from pydantic import JsonValue

from components.agents.manifest import dump
from groundwork.console import PlainProgress
from groundwork.verdict import Check
from groundwork.waiting import wait_until
from loadtests.gate import Baseline, judge, rules
from loadtests.job import Caller
from loadtests.plan import Plan
from loadtests.running import Run, Target, run
from loadtests.samples import Samples
from local.paths import CHECKOUT
from local.toolchain.debian import Package, ensure
from tests.free_ports import free_ports
from tests.images.agent_runtime.support import manifest
from tests.loadtests import made
from tests.loadtests.seeded import Fault

HAPROXY = Package(name="haproxy", purpose="balances and answers in tests", programs=("haproxy",))
LEVEL, SECONDS, WARM_SECONDS = 70, 18, 2
REPLACED_AT = 5.0
START_SECONDS = 120.0
# The median is compared and the tail is not: on a busy machine that is not the same twice.
LIMITS = {
    "errors": [{"limit": "rate < 0.3%", "abort": False}],
    "latency": [
        {"limit": "p(50) < 200ms", "within": 0.1, "abort": False},
        {"limit": "p(95) < 200ms", "abort": False},
    ],
}
CONFIGURATION = """
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 1s
    retries 2
    option redispatch
    option http-server-close
frontend callers
    bind 127.0.0.1:{front}
    default_backend agents
backend agents
    balance leastconn
    option httpchk GET /readyz
    timeout check 10s
    default-server check inter 100ms fall 2 rise 1
"""


def plan(level: int = LEVEL) -> Plan:
    """What a build is asked; `level`: requests each second."""
    return made.plan(
        name="builds",
        shape={"kind": "soak", "level": level},
        duration=f"{SECONDS}s",
        warmUp=f"{WARM_SECONDS}s",
        connections=192,
        slo=False,
        limits=LIMITS,
    )


def gate(fault: Fault, baseline: Baseline | None, level: int = LEVEL) -> tuple[Run, list[Check]]:
    """Run a build under load while one of its two processes is replaced; what the gate says of it."""
    wanted = plan(level)
    with _served(fault) as (address, replace):
        begun = threading.Event()

        def watch(_: Samples, passed: float) -> str | None:
            if passed >= REPLACED_AT and not begun.is_set():
                begun.set()
                replace.start()
            return None

        measured = run(wanted, Target(callers=(Caller(address=address),), connect={}), watch)
    return measured, judge(measured, rules(wanted), baseline)


def baseline(name: str, measured: Run) -> Baseline:
    """A run as what later ones are compared with."""
    return Baseline(run=name, samples=measured.samples, begin=WARM_SECONDS, end=SECONDS)


@contextmanager
def _served(fault: Fault) -> Iterator[tuple[str, threading.Thread]]:
    """The address, and a thread that replaces the first process when it is started."""
    ensure(PlainProgress(), [HAPROXY])
    with tempfile.TemporaryDirectory(prefix="gwb") as name, ExitStack() as stack:
        folder = Path(name)
        limits: JsonValue = {"concurrency": 1000, "requestsPerMinute": 1_000_000}
        (folder / "manifest.yaml").write_text(dump(manifest(limits=limits)))
        front, *ports = free_ports(3)
        processes = [_process(fault, folder, port) for port in ports]
        stack.callback(_end_all, processes)
        rows = "".join(f"    server agent{port} 127.0.0.1:{port}\n" for port in ports)
        (folder / "haproxy.cfg").write_text(CONFIGURATION.format(front=front) + rows)
        balancer = subprocess.Popen(
            ["haproxy", "-f", str(folder / "haproxy.cfg"), "-db"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        stack.callback(_end, balancer)

        def replace() -> None:
            _end(processes[0])
            processes[0] = _process(fault, folder, ports[0])

        for port in (*ports, front):
            if not wait_until(partial(_ready, port), START_SECONDS):
                raise RuntimeError(f"a process of the build {fault} does not start")
        thread = threading.Thread(target=replace)
        yield f"http://127.0.0.1:{front}", thread
        if thread.is_alive():
            thread.join()


def _process(fault: Fault, folder: Path, port: int) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(CHECKOUT), str(CHECKOUT / "images" / "agent-runtime")])
    agent = {"MANIFEST": str(folder / "manifest.yaml"), "TENANT": "acme", "HOST": "127.0.0.1", "PORT": str(port)}
    agent |= {"METRICS_PORT": "0", "SETTLE": "1s", "LOG_LEVEL": "error"}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.loadtests.seeded", fault],
        cwd=CHECKOUT,
        env={"PYTHONPATH": path, **{f"AGENT_{key}": value for key, value in agent.items()}},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_all(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        _end(process)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            return int(answer.status) == 200
    except (URLError, OSError):
        return False
