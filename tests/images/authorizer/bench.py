"""How many requests a second the authorizer and OPA decide about, and what one costs.

Run it with `PYTHONPATH=images/authorizer python -m tests.images.authorizer.bench`.

The time on the clock depends on what else the machine does; the processor time of the two processes does not.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path

import grpc
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub

from components.platform.keys import Key
from tests.images.authorizer.samples import HOST, ISSUER, PATH, key_object, tenant_object
from tests.images.authorizer.world import Signer, World, key_set, world

HEADERS = {"accept": "*/*", "content-type": "application/json", "user-agent": "bench/1", "x-request-id": "0"}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run. Times in milliseconds; `cpu_ms`: processor time of authorizer and OPA for each request."""

    what: str
    at_a_time: int
    per_second: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float


def question(credential: str) -> CheckRequest:
    """As Envoy asks."""
    request = CheckRequest()
    http = request.attributes.request.http
    http.host, http.path, http.method = HOST, PATH, "POST"
    for name, value in (HEADERS | {"authorization": f"Bearer {credential}"}).items():
        http.headers[name] = value
    request.attributes.tls_session.sni = HOST
    return request


async def measure(running: World, what: str, credentials: Sequence[str], at_a_time: int, count: int) -> Measured:
    """Ask `count` times, with one credential after the other."""
    taken: list[float] = []
    questions: Iterator[CheckRequest] = islice(cycle([question(text) for text in credentials]), count)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        stub = AuthorizationStub(channel)

        async def ask() -> None:
            for each in questions:
                began = time.perf_counter()
                await stub.Check(each)
                taken.append(time.perf_counter() - began)

        processes = (running.authorizer.pid, running.opa.pid)
        began, cpu = time.perf_counter(), sum(map(cpu_seconds, processes))
        await asyncio.gather(*(ask() for _ in range(at_a_time)))
        seconds, cpu = time.perf_counter() - began, sum(map(cpu_seconds, processes)) - cpu
    taken.sort()
    return Measured(
        what=what,
        at_a_time=at_a_time,
        per_second=round(count / seconds),
        p50_ms=round(taken[count // 2] * 1e3, 2),
        p99_ms=round(taken[count * 99 // 100] * 1e3, 2),
        cpu_ms=round(cpu / count * 1e3, 3),
    )


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print JSON lines."""
    key, signer = Key.new(), Signer.rs256()
    with world({"AUTHORIZER_FLUSH": "600"}) as running:
        issuer = {"issuer": ISSUER, "audiences": ["agents"], "jwks": key_set(signer)}
        running.objects.put(tenant_object("acme", issuers=[issuer]))
        many = [Key.new() for _ in range(3000)]
        for each in (key, *many):
            running.objects.put(key_object(each))
        running.until("allowed", many[-1].text)
        tokens = [signer.token(jti=str(number)) for number in range(2000)]
        runs = (
            ("one key, remembered", [key.text], (1, 8, 32), 4000),
            ("keys seen the first time", [each.text for each in many], (8,), 3000),
            ("tokens (RS256) seen the first time", tokens, (8,), 2000),
            ("one token, remembered", tokens[:1], (8,), 4000),
        )
        for what, credentials, widths, count in runs:
            for width in widths:
                print(json.dumps(asdict(asyncio.run(measure(running, what, credentials, width, count)))))


if __name__ == "__main__":
    main()
