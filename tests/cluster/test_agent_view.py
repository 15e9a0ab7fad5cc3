"""The running platform as its users see it: every panel has data, costs have all their parts, runbooks can be done."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.observability.cost import COST, CPU, MEMORY, RECORDED
from components.observability.dashboards import BOARDS
from groundwork.waiting import wait_until
from local.cluster import Cluster
from local.front_door import front_door
from local.observability import Prometheus, prometheus
from local.paths import CHECKOUT
from tests.cluster.authority import authority
from tests.cluster.gateway import guests
from tests.cluster.node import SETTINGS, tools
from tests.command import groundwork

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("environment")]

RUNBOOKS = ("error-budget-burn", "agent-fails", "gateway-down")
ASK = "/agents/concierge/v1/invoke"
QUESTION = json.dumps({"input": "Hello"}).encode()
# Two scrapes, and the rules that build on them; a long window is looked at every two minutes.
SEEN = 240.0


@pytest.fixture(scope="module")
def source(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """Prometheus, after some requests through the gateway."""
    ca = authority(tmp_path_factory.mktemp("ca") / "ca.crt")
    with prometheus(cluster) as opened, guests({"view": 1000}, ca) as made:
        caller = made["view"].caller

        def recorded() -> bool:
            answered = caller.ask(ASK, QUESTION).status_code == 200
            return answered and bool(opened.query("slo:error_budget_remaining:ratio")) and bool(opened.query(COST))

        assert wait_until(recorded, SEEN), "no answer, or nothing is recorded"
        yield opened


def _empty(source: Prometheus) -> list[str]:
    """Questions without an answer, of panels that should have one."""
    return [
        f"{board.name}: {panel.title}: {expr}"
        for board in BOARDS
        for panel in board.panels
        for expr in panel.lines.values()
        if not panel.quiet and not source.query(board.everything(expr))
    ]


def test_every_panel_has_data(source: Prometheus) -> None:
    wait_until(lambda: not _empty(source), SEEN / 2)
    assert _empty(source) == []


def test_every_panel_is_a_question_that_is_understood(source: Prometheus) -> None:
    for board in BOARDS:
        for panel in board.panels:
            for expr in panel.lines.values():
                source.query(board.everything(expr))  # UserError where Prometheus refuses it


def test_what_agents_ask_for_is_what_the_scheduler_says(source: Prometheus) -> None:
    """Two pods of 100m at least, sidecars on top."""
    for series, least in ((CPU, 0.2), (MEMORY, 2 * 128 * 2**20)):
        found = {(each.labels["tenant"], each.labels["agent"]): each.value for each in source.query(series)}
        assert found["acme", "concierge"] >= least


def acme() -> str:
    """What `status` says of acme's agent where requests or a budget are missing, else nothing."""
    said = groundwork("status", "--json")
    assert said.returncode in {0, 99}, said.stderr
    for agent in json.loads(said.stdout)["agents"]:
        if (agent["tenant"], agent["agent"]) == ("acme", "concierge"):
            whole = agent["requests_per_minute"] and set(agent["budgets"]) == {
                "standard-availability",
                "standard-latency",
            }
            return "" if whole else json.dumps(agent)
    return said.stdout


def test_status_and_cost_are_those_of_the_cluster(cluster: Cluster, source: Prometheus) -> None:
    """After requests to an agent of the environment's own: nobody else need have asked it lately."""
    with front_door(cluster, ["acme"]) as door:

        def counted() -> bool:
            answer = door.post("acme", f"https://acme.groundwork.test{ASK}", json.loads(QUESTION))
            return answer.status_code == 200 and not acme()

        assert wait_until(counted, SEEN), acme() or "the agent does not answer"
    report = groundwork("cost", "--json")
    assert report.returncode in {0, 98}, report.stderr
    lines = {(each["tenant"], each["agent"]): each for each in json.loads(report.stdout)["lines"]}
    assert lines["acme", "concierge"]["cpu_core_hours"] > 0
    assert source.query(RECORDED)


@pytest.mark.parametrize("name", RUNBOOKS)
def test_a_runbook_is_carried_out(name: str, tmp_path: Path) -> None:
    """Every command of its console blocks."""
    text = (CHECKOUT / "docs" / "runbooks" / f"{name}.md").read_text()
    commands = [line for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    assert commands
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(tools().path("kubectl"))
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "KUBECONFIG": str(SETTINGS.kubeconfig),
        "PYTHONPATH": str(CHECKOUT),
    }
    for command in commands:
        program, *arguments = shlex.split(command)
        words = [sys.executable, "-m", "groundwork", *arguments] if program == "groundwork" else [program, *arguments]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        # `status` says by 99 that a page fires, which is why somebody reads this.
        assert done.returncode in ({0, 99} if "status" in arguments[:1] else {0}), f"{command}\n{done.stderr}"
