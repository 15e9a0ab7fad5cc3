"""The collector of a task on ECS, configured as there: what it says of a real agent to an emulated account."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from components.agents.ecs_task import CONFIG
from components.agents.ecs_telemetry import FIGURES, TENANT, Reported, Telemetry, collector_config, namespace, stream
from components.agents.manifest import dump
from groundwork.waiting import wait_until
from local import toolchain
from local.aws_plugin.account import CallError
from local.plugin.values import Json
from local.rehearsal.account import EmulatedAccount, emulated, variables
from tests.agent_process import Agent, running
from tests.components.samples import DIGEST, manifest
from tests.free_ports import free_ports
from tests.local.node.quiet import Quiet

pytestmark = pytest.mark.engine
GROUP, WHOSE = "/groundwork/ecs/metrics", stream("acme", "desk")
GOOD, BAD, SEEN = 12, 3, 180.0


@dataclass(frozen=True)
class World:
    """`recorded`: the requests that the account has got, a line each."""

    account: EmulatedAccount
    recorded: Path

    def events(self) -> list[Json]:
        """What CloudWatch was told, each with its declaration in `_aws`."""
        try:
            asked = {"logGroupName": GROUP, "logStreamNames": [WHOSE]}
            rows = self.account.account().call("logs", "FilterLogEvents", asked)["events"]
        except CallError:
            return []  # there is no stream yet
        return [json.loads(row["message"]) for row in rows]

    def growth(self, figure: str, label: str) -> Counter[str]:
        """A counter's, by a label."""
        found: Counter[str] = Counter()
        for event in self.events():
            if figure in event:
                found[str(event[label])] += round(float(str(event[figure])))
        return +found


def _config(agent: Agent, spans: int, account: EmulatedAccount) -> str:
    """As a task has it, but for addresses, and looked at more often."""
    reported = Reported(
        tenant="acme",
        agent="desk",
        environment="ecs",
        region=account.region,
        group=GROUP,
        scraped=agent.metrics,
        memory_mib=128,
    )
    text = json.dumps(collector_config(reported)).replace("127.0.0.1:4318", f"127.0.0.1:{spans}")
    config = json.loads(text.replace('"60s"', '"1s"').replace('"5s"', '"1s"'))
    for exporter in config["exporters"].values():
        exporter["endpoint"] = f"http://127.0.0.1:{account.port}"
    return json.dumps(config)


@contextmanager
def _collector(config: str, account: EmulatedAccount) -> Iterator[None]:
    program = toolchain.ensure(["otelcol-ecs"], progress=Quiet()).path("otelcol-ecs")
    given = {**os.environ, **account.variables, CONFIG: config}
    with subprocess.Popen([program, f"--config=env:{CONFIG}"], env=given, stderr=subprocess.PIPE, text=True) as one:
        try:
            yield
        finally:
            one.terminate()
            said = one.communicate()[1]
            assert one.returncode == 0, said


async def _ask(port: int, good: int, bad: int) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=60, base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(good):
            assert (await client.post("/v1/invoke", json={"input": "one two three"})).status_code == 200
        for _ in range(bad):
            assert (await client.post("/v1/invoke", json={"nothing": 1})).status_code == 422


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An agent that has answered GOOD requests and refused BAD ones, all of which the account was told of."""
    folder, (spans,) = tmp_path_factory.mktemp("telemetry"), free_ports(1)
    (folder / "manifest.yaml").write_text(dump(manifest("desk")))
    traced = Telemetry(image=DIGEST, trace_percent=100).variables | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{spans}"
    }
    recorded = folder / "recorded"
    with (
        variables({"MOTO_RECORDER_FILEPATH": str(recorded), "MOTO_ENABLE_RECORDING": "true"}),
        emulated("777788889999", "eu-west-1", folder / "account.log") as account,
        variables(account.variables),
        running("acme", folder / "manifest.yaml", traced) as agent,
    ):
        made = World(account, recorded)
        account.account().call("logs", "CreateLogGroup", {"logGroupName": GROUP})
        with _collector(_config(agent, spans, account), account):
            assert wait_until(lambda: bool(made.events()), SEEN), "the collector has told of the agent"
            # Of a label's first value a counter's growth is not known: it begins with these.
            asyncio.run(_ask(agent.api, 1, 1))
            assert wait_until(lambda: _counted(made), SEEN)
            asyncio.run(_ask(agent.api, GOOD, BAD))
            yield made


def _counted(made: World) -> bool:
    return any(event.get("status") == "422" for event in made.events())


def test_requests_are_counted_by_status_and_tokens_by_direction(world: World) -> None:
    wanted = {"200": GOOD + 1, "422": BAD}
    assert wait_until(lambda: world.growth("agent_requests_total", "status") == wanted, SEEN), world.growth(
        "agent_requests_total", "status"
    )
    tokens = world.growth("agent_tokens_total", "direction")
    assert tokens["input"] >= tokens["output"] == 3 * (GOOD + 1)


def test_every_figure_is_declared_as_its_alarms_and_charts_name_it(world: World) -> None:
    """An alarm asks by namespace, name and exactly these dimensions."""

    def declared() -> set[tuple[str, tuple[str, ...]]]:
        return {
            (str(row["Name"]), tuple(sorted(names)))
            for event in world.events()
            for said in event.get("_aws", {}).get("CloudWatchMetrics", [])
            if said["Namespace"] == namespace("ecs")
            for names in said["Dimensions"]
            for row in said["Metrics"]
        }

    wanted = {
        (name, tuple(sorted(["tenant", "agent", *([label] if label else [])])))
        for label, names in FIGURES.items()
        for name in names
    }
    assert wait_until(lambda: declared() == wanted, SEEN), declared() ^ wanted
    assert {(event["tenant"], event["agent"]) for event in world.events()} == {("acme", "desk")}
    assert {event["up"] for event in world.events() if "up" in event} == {1}


def test_a_request_is_a_segment_that_is_found_by_its_tenant(world: World) -> None:
    def sent() -> list[Json]:
        bodies = [json.loads(line) for line in world.recorded.read_text().splitlines() if "TraceSegments" in line]
        documents = [json.loads(base64.b64decode(row["body"]))["TraceSegmentDocuments"] for row in bodies]
        return [json.loads(each) for listed in documents for each in listed]

    def served() -> list[Json]:
        return [each for each in sent() if each["name"] == "desk.acme"]

    assert wait_until(lambda: len(served()) >= GOOD + 1, SEEN), sent()
    assert all(each["annotations"] == {f"otel.resource.{TENANT}": "acme"} for each in served())
    assert {each["http"]["response"]["status"] for each in served()} >= {200}


def test_it_asks_for_nothing_that_its_role_may_not(world: World) -> None:
    asked = set()
    for line in world.recorded.read_text().splitlines():
        row = json.loads(line)
        if "Botocore" not in row["headers"]["User-Agent"]:
            asked.add(row["headers"].get("X-Amz-Target") or row["url"].rpartition("/")[2])
    assert asked == {"Logs_20140328.CreateLogStream", "Logs_20140328.PutLogEvents", "TraceSegments"}
