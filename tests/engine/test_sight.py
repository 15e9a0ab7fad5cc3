"""Agents' figures from a real Prometheus that scrapes the real runtime: status, its page, cost, panels."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from components.observability import cost
from components.observability.dashboards import agents
from components.observability.prices import Prices
from groundwork.waiting import wait_until
from loadtests import rules, slo
from local.observability import Prometheus
from tests.agent_process import running
from tests.command import groundwork
from tests.free_ports import free_ports
from tests.promtool import ensured

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
AGENTS = {"acme": ROOT / "tenants/acme/agents/concierge.yaml", "globex": ROOT / "tenants/globex/agents/analyst.yaml"}
# A figure for this test alone: it says of nothing what it costs.
PRICES = Prices.model_validate(
    {
        "currency": "EUR",
        "source": "this test",
        "models": {"echo-1": {"inputPerMillionTokens": 2e6, "outputPerMillionTokens": 3e6}},
    }
)
REQUESTS = 30
# Seconds till Prometheus has seen something.
SEEN = 180.0


@dataclass(frozen=True, kw_only=True)
class World:
    address: str
    prometheus: Prometheus


@contextmanager
def _process(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as one:
        try:
            yield one
        finally:
            one.kill()


def _prometheus(stack: ExitStack, targets: list[int], folder: Path) -> int:
    ensured()
    files = {**rules.files(slo.load()), **cost.files(PRICES)}
    for name, file in files.items():
        # Looked at more often than on a cluster, so that nobody waits; what is summed up by it is not looked at.
        (folder / f"rules-{name}.yaml").write_text(json.dumps(file).replace('"interval": "30s"', '"interval": "1s"'))
    addresses = [f"127.0.0.1:{port}" for port in targets]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [f"{folder}/rules-*.yaml"],
        "scrape_configs": [{"job_name": "agents", "static_configs": [{"targets": addresses}]}],
    }
    (folder / "prometheus.yaml").write_text(json.dumps(config))
    (port,) = free_ports(1)
    command = ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data"]
    stack.enter_context(_process([*command, f"--web.listen-address=127.0.0.1:{port}"], dict(os.environ)))
    return port


async def _ask(ports: list[int], good: int) -> None:
    """One request each that is none, then so many good ones."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        for port in ports:
            bad = await client.post(f"http://127.0.0.1:{port}/v1/invoke", json={"nothing": 1})
            assert bad.status_code == 422
            for _ in range(good):
                answer = await client.post(f"http://127.0.0.1:{port}/v1/invoke", json={"input": "one two three"})
                assert answer.status_code == 200


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("prometheus")
    with ExitStack() as stack:
        started = [stack.enter_context(running(tenant, manifest)) for tenant, manifest in AGENTS.items()]
        ports = [agent.api for agent in started]
        port = _prometheus(stack, [agent.metrics for agent in started], folder)
        client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60))
        source = Prometheus(client)

        def counted(least: int) -> bool:
            try:
                found = source.query("sum by (tenant) (agent_requests_total) >= 0")
            except Exception:  # noqa: BLE001 – it does not listen yet
                return False
            return len(found) == len(AGENTS) and all(each.value >= least for each in found)

        assert wait_until(lambda: counted(0), seconds=SEEN), "Prometheus has seen both agents"
        # Of a type of error that is the caller's own, Prometheus sees a second only: the first makes the series.
        asyncio.run(_ask(ports, 0))
        assert wait_until(lambda: counted(1), seconds=SEEN), "Prometheus has counted the first requests"
        asyncio.run(_ask(ports, REQUESTS))
        assert wait_until(lambda: counted(REQUESTS + 2), seconds=SEEN), "Prometheus has counted the requests"
        assert wait_until(lambda: len(source.query("groundwork:cost:per_second > 0")) >= 2, seconds=SEEN), (
            "costs are recorded"
        )
        assert wait_until(lambda: len(source.query("slo:sli_error:ratio_rate5m")) >= 4, seconds=SEEN), (
            "ratios are recorded"
        )
        yield World(address=f"http://127.0.0.1:{port}", prometheus=source)


def test_status_says_what_was_asked(world: World) -> None:
    done = groundwork("status", "--json", "--window", "5m", "--prometheus", world.address)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert [(each["tenant"], each["agent"], each["tier"]) for each in seen["agents"]] == [
        ("acme", "concierge", "standard"),
        ("globex", "analyst", "heavy"),
    ]
    for each in seen["agents"]:
        assert each["requests_per_minute"] > 0
        assert 0 < each["p50"] <= each["p95"] <= each["p99"]
        assert each["p50"] < 1.5, "seconds"
        # Three words in, with the instructions before them; an echo of three words out.
        assert each["input_tokens_per_minute"] > each["output_tokens_per_minute"] > 0
        assert set(each["errors"]) == {"invalid_request"}
        assert each["sessions"] == REQUESTS
    assert seen["alerts"] == []


def test_status_has_no_colour_in_a_pipe_and_a_row_an_agent(world: World) -> None:
    done = groundwork("status", "--once", "--prometheus", world.address)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert any("acme" in line and "concierge" in line for line in done.stdout.splitlines())
    assert "no alert fires" in done.stdout


def test_one_tenant_alone_and_none(world: World) -> None:
    one = groundwork("status", "--json", "--tenant", "globex", "--prometheus", world.address)
    assert {each["tenant"] for each in json.loads(one.stdout)["agents"]} == {"globex"}
    assert groundwork("status", "--json", "--tenant", "nobody", "--prometheus", world.address).returncode == 98


def test_the_page_stands_alone_and_has_its_charts(world: World, tmp_path: Path) -> None:
    file = tmp_path / "status.html"
    done = groundwork("status", "--html", str(file), "--window", "1h", "--prometheus", world.address)
    assert done.returncode == 0, done.stderr
    page = file.read_text()
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert "<script" not in page
    # An hour is shown, and the world is a minute old: a line may be one point yet.
    assert page.count("<polyline") + page.count("<circle") >= 8
    assert page.count("<svg") == len(agents.BOARD.panels) - page.count('class="none"')
    assert page.count('class="none"') <= 1  # a budget is looked at every two minutes


def test_every_panel_of_agents_has_data(world: World) -> None:
    empty = [
        panel.title
        for panel in agents.BOARD.panels
        for expr in panel.lines.values()
        if "error_budget" not in expr  # looked at every two minutes
        and not world.prometheus.query(agents.BOARD.everything(expr))
    ]
    assert empty == []


def test_cost_is_tokens_times_the_table(world: World) -> None:
    done = groundwork("cost", "--json", "--prometheus", world.address)
    report = json.loads(done.stdout)
    # A minute is not a month; but each look counts for half a minute, and here there is one a second.
    if report["end"] - report["start"] > 86_400:
        assert report["recorded"] < 0.95
    assert done.returncode == (98 if report["recorded"] < 0.95 else 0), done.stderr
    lines = {(each["tenant"], each["currency"]): each for each in report["lines"]}
    found = lines["acme", "EUR"]
    assert found["tokens_cost"] == pytest.approx(2 * found["input_tokens"] + 3 * found["output_tokens"], rel=0.02)
    assert found["cpu_cost"] is None
    assert report["recorded"] > 0


def test_cost_as_a_table_and_for_spreadsheets(world: World) -> None:
    table = groundwork("cost", "--prometheus", world.address)
    assert "concierge" in table.stdout
    assert "no price is set" in table.stdout
    rows = groundwork("cost", "--csv", "--prometheus", world.address).stdout.splitlines()
    assert rows[0].startswith("month,tenant,agent,currency,input_tokens")
    assert len(rows) >= 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "--window", "31d"),
        ("status", "--window", "soon"),
        ("cost", "--month", "2026-13"),
        ("cost", "--month", "9999-01"),
        ("cost", "--json", "--csv"),
        ("status", "--prometheus", "127.0.0.1:9090"),
    ],
)
def test_what_makes_no_sense_is_refused(world: World, arguments: tuple[str, ...]) -> None:
    where = () if "--prometheus" in arguments else ("--prometheus", world.address)
    assert groundwork(*arguments, *where).returncode == 2


def test_time_is_known_to_be_recorded(world: World) -> None:
    assert world.prometheus.query(cost.RECORDED, time.time())[0].value == 1
