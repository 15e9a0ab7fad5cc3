"""The service as a process of its own: how it starts, refuses to start, and stops."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from components.agents.manifest import dump
from tests.images.agent_runtime.support import chat, events, manifest, run

ROOT = Path(__file__).parents[3]
STREAM = chat("a b c d e f g h i j", stream=True)


@dataclass
class Running:
    process: Process
    api: httpx.AsyncClient
    metrics_port: int

    async def log(self, message: str) -> dict[str, object]:
        """The next log line that says this."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            entry: dict[str, object] = json.loads(line)
            if entry["message"] == message:
                return entry
        raise AssertionError(f"the process ended before it said {message!r}")


async def start(environment: dict[str, str]) -> Process:
    path = os.pathsep.join([str(ROOT), str(ROOT / "images" / "agent-runtime")])
    variables = {"PYTHONPATH": path, "AGENT_HOST": "127.0.0.1", "AGENT_PORT": "0", "AGENT_METRICS_PORT": "0"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agent_runtime", env=variables | environment, stdout=PIPE, stderr=DEVNULL
    )


@asynccontextmanager
async def running(folder: Path, *, think_time: str, settle: str, drain: str) -> AsyncIterator[Running]:
    file = folder / "manifest.yaml"
    file.write_text(dump(manifest({"thinkTime": think_time}, drain=drain)))
    process = await start({"AGENT_MANIFEST": str(file), "AGENT_TENANT": "acme", "AGENT_SETTLE": settle})
    try:
        async with httpx.AsyncClient(trust_env=False) as api:
            agent = Running(process, api, 0)
            entry = await agent.log("serving")
            api.base_url = httpx.URL(f"http://127.0.0.1:{entry['port']}")
            agent.metrics_port = int(str(entry["metrics_port"]))
            yield agent
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def refuses_connections(url: str) -> None:
    """Wait until nothing listens at `url` any more."""
    async with httpx.AsyncClient(trust_env=False, headers={"Connection": "close"}) as asking:
        with suppress(httpx.TransportError):
            while (await asking.get(url)).status_code:
                pass


def test_a_drain_serves_what_is_under_way_and_what_still_comes(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path, think_time="2s", settle="1h", drain="10s") as agent, AsyncExitStack() as streams:
            bodies: list[AsyncIterator[str]] = []

            async def begin() -> None:
                asking = agent.api.stream("POST", "/v1/chat/completions", json=STREAM)
                bodies.append((await streams.enter_async_context(asking)).aiter_text())
                await anext(bodies[-1])

            await begin()
            agent.process.send_signal(signal.SIGTERM)
            await agent.log("draining")
            assert (await agent.api.get("/readyz")).status_code == 503
            assert (await agent.api.get("/healthz")).status_code == 200
            await begin()
            agent.process.send_signal(signal.SIGTERM)
            assert (await agent.log("closing"))["in_flight"] == 2
            await refuses_connections(f"{agent.api.base_url}/healthz")
            for body in bodies:
                assert events("".join([piece async for piece in body]))[-1] == "[DONE]"
            assert await agent.process.wait() == 0

    run(test)


def test_what_is_not_finished_when_the_drain_ends_is_cut_off_and_the_exit_is_clean(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path, think_time="9s", settle="0ms", drain="1s") as agent:
            with pytest.raises(httpx.TransportError):
                async with agent.api.stream("POST", "/v1/chat/completions", json=STREAM) as response:
                    pieces = response.aiter_text()
                    await anext(pieces)
                    agent.process.send_signal(signal.SIGTERM)
                    assert "[DONE]" not in "".join([piece async for piece in pieces])
            assert await agent.process.wait() == 0

    run(test)


def test_a_caller_that_goes_away_ends_its_stream_and_frees_its_place(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path, think_time="9s", settle="0ms", drain="1s") as agent:
            async with agent.api.stream("POST", "/v1/chat/completions", json=STREAM) as response:
                await anext(response.aiter_text())
            entry = await agent.log("request")
            assert (entry["status"], entry["error"]) == (200, "client_disconnected")
            metrics = (await agent.api.get(f"http://127.0.0.1:{agent.metrics_port}/metrics")).text
            assert re.search(r"^agent_requests_in_flight\{.*\} 0\.0$", metrics, re.MULTILINE)

    run(test)


def test_a_second_signal_ends_the_settling(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path, think_time="0ms", settle="1h", drain="1s") as agent:
            agent.process.send_signal(signal.SIGTERM)
            await agent.log("draining")
            agent.process.send_signal(signal.SIGTERM)
            assert await agent.process.wait() == 0

    run(test)


def test_metrics_have_a_listener_of_their_own_and_answers_do_not_wait_for_small_packets(tmp_path: Path) -> None:
    async def test() -> None:
        async with running(tmp_path, think_time="0ms", settle="0ms", drain="1s") as agent:
            loop, times = asyncio.get_running_loop(), []
            for _ in range(15):
                begun = loop.time()
                assert (await agent.api.post("/v1/invoke", json={"input": "x"})).status_code == 200
                times.append(loop.time() - begun)
            # Nagle's algorithm against delayed acknowledgements costs 40 ms on every one of them.
            assert sorted(times)[len(times) // 3] < 0.035
            answer = await agent.api.get(f"http://127.0.0.1:{agent.metrics_port}/metrics")
            assert 'agent_requests_total{agent="concierge"' in answer.text
            assert (await agent.api.get("/metrics")).status_code == 404

    run(test)


def refusal(environment: dict[str, str]) -> dict[str, object]:
    """What the process says, on one line, as it refuses to start."""
    said: list[bytes] = []

    async def test() -> None:
        process = await start(environment)
        said.extend((await process.communicate())[0].splitlines())
        assert process.returncode == 2

    run(test)
    (line,) = said
    entry: dict[str, object] = json.loads(line)
    assert entry["level"] == "error"
    return entry


def test_a_wrong_manifest_is_one_line_with_file_line_and_what_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "manifest.yaml"
    file.write_text(dump(manifest()).replace("provider: echo", "provider: ecko"))
    problems = str(refusal({"AGENT_MANIFEST": str(file)})["problems"])
    assert f"{file}:" in problems
    assert "echo, openai" in problems


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    assert "nowhere.yaml" in str(refusal({"AGENT_MANIFEST": str(tmp_path / "nowhere.yaml")})["problems"])


def test_a_wrong_setting_is_named_with_what_is_allowed() -> None:
    (problem,) = json.loads(json.dumps(refusal({"AGENT_SETTLE": "soon"})["problems"]))
    assert problem.startswith("AGENT_SETTLE: 'soon'")
    assert "allowed:" in problem


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    file = tmp_path / "manifest.yaml"
    file.write_text(dump(manifest()))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert port in str(refusal({"AGENT_MANIFEST": str(file), "AGENT_METRICS_PORT": port})["problems"])
