"""Steady load on HTTP/1.1 targets: so many requests a second, whatever the answers take.

Open loop: each request has an intended start, and its latency is counted from there, so that waiting for a free
connection or a busy client is not hidden. Standard library only: the same file runs in a pod.

    python load.py plan.json        the report as JSON on standard output
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from math import ceil
from urllib.parse import urlsplit

DEADLINE = 10.0  # seconds; a request without an answer by then is an error, status 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one process sends. `start`: Unix time of the first request; `rate`: requests a second.

    `connect`: host and port in place of the URL's; `ca`: a file of authorities, for https. `warm`: seconds from the
    start whose latencies do not count, as connections are made in them.
    """

    url: str
    rate: float
    seconds: float
    start: float
    warm: float = 0.0
    connections: int = 16
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    connect: tuple[str, int] | None = None
    ca: str | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came back. `accepted`: answers of status 200 by the second in which they came, from the plan's start; those
    after the plan's end were sent in time and answered late.

    Latencies in seconds, of the accepted ones; `errors`: why there was no answer (status 0); `cpu`: seconds of
    processor that sending took.
    """

    sent: int
    statuses: Mapping[str, int]
    errors: Mapping[str, int]
    accepted: Sequence[int]
    latencies: Sequence[float]
    cpu: float

    @property
    def total(self) -> int:
        """All accepted."""
        return sum(self.accepted)

    def percentile(self, share: float) -> float:
        """The latency that `share` (0 to 1) of the accepted did not exceed. Raises ValueError where none was."""
        return percentile(self.latencies, share)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` of them do not exceed (nearest rank). Raises ValueError for no values."""
    if not values:
        raise ValueError("no values")
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


@dataclass(kw_only=True)
class _Run:
    plan: Plan
    statuses: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    accepted: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    turn: count[int] = field(default_factory=count)

    async def connection(self) -> None:
        """Take the next request whose time has come, send it, wait for its answer; until all are sent."""
        plan, total = self.plan, ceil(self.plan.rate * self.plan.seconds)
        stream: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        while (number := next(self.turn)) < total:
            intended = plan.start + number / plan.rate
            await asyncio.sleep(max(0.0, intended - time.time()))
            status = 0
            try:
                async with asyncio.timeout(DEADLINE):
                    stream = stream or await _open(plan)
                    stream[1].write(_request(plan))
                    status, keep = await _answer(stream[0])
            except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
                keep = False
                self.errors[repr(error)] += 1
            self._note(status, intended)
            if not keep and stream is not None:
                stream[1].close()
                stream = None
        if stream is not None:
            stream[1].close()

    def _note(self, status: int, intended: float) -> None:
        self.statuses[str(status)] += 1
        if status == 200:
            now = time.time()
            self.accepted[int(now - self.plan.start)] += 1
            if intended - self.plan.start >= self.plan.warm:
                self.latencies.append(now - intended)


async def _open(plan: Plan) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(plan.url)
    host = parts.hostname or ""
    secure = parts.scheme == "https"
    address, port = plan.connect or (host, parts.port or (443 if secure else 80))
    if not secure:
        return await asyncio.open_connection(address, port)
    context = ssl.create_default_context(cafile=plan.ca)
    return await asyncio.open_connection(address, port, ssl=context, server_hostname=host)


def _request(plan: Plan) -> bytes:
    parts = urlsplit(plan.url)
    method = "POST" if plan.body else "GET"
    headers = {"host": parts.netloc, **plan.headers}
    if plan.body:
        headers |= {"content-type": "application/json", "content-length": str(len(plan.body.encode()))}
    lines = [f"{method} {parts.path or '/'} HTTP/1.1", *(f"{key}: {value}" for key, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + plan.body).encode()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """The status, and whether the connection can be used again. The body is read and dropped."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    status = int(head.split(b" ", 2)[1])
    fields = dict(line.split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        while size := int((await reader.readline()).split(b";")[0], 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        await reader.readexactly(int(fields.get(b"content-length", b"0")))
    return status, fields.get(b"connection", b"").strip() != b"close"


async def send(plan: Plan) -> Report:
    """Send a plan's requests."""
    run, before = _Run(plan=plan), time.process_time()
    await asyncio.gather(*(run.connection() for _ in range(plan.connections)))
    return Report(
        sent=sum(run.statuses.values()),
        statuses=dict(run.statuses),
        errors=dict(run.errors),
        accepted=[run.accepted[second] for second in range(max(run.accepted, default=0) + 1)],
        latencies=run.latencies,
        cpu=time.process_time() - before,
    )


async def together(plans: Mapping[str, Plan]) -> dict[str, Report]:
    """Send several plans at once, each from a process of its own: one that lags does not hold up another."""

    async def one(name: str, plan: Plan) -> tuple[str, Report]:
        words = (sys.executable, __file__, json.dumps(asdict(plan)))
        process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"load {name} ended with {process.returncode}")
        return name, report(output)

    return dict(await asyncio.gather(*(one(name, plan) for name, plan in plans.items())))


def report(text: str | bytes) -> Report:
    """A report as another process wrote it. Raises ValueError or TypeError for anything else."""
    return Report(**json.loads(text))


def main(text: str) -> None:
    """Send the plan that `text` holds as JSON."""
    data = json.loads(text)
    if data.get("connect"):
        data["connect"] = tuple(data["connect"])
    print(json.dumps(asdict(asyncio.run(send(Plan(**data))))))


if __name__ == "__main__":
    main(sys.argv[1])
