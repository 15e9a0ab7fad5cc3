"""What an environment's dashboard asks for is what is told to CloudWatch."""

from __future__ import annotations

import json

import pytest

from components.agents.ecs_telemetry import FIGURES
from components.observability.aws import Alarms, AlarmsArgs, Watch
from stacks.aws_watches import ecs_graphs
from stacks.listening import listen
from tests.components.test_ecs_agent import SCOPE


@pytest.mark.parametrize("title", ecs_graphs("ecs"))
def test_a_graph_of_agents_asks_for_a_figure_by_just_the_labels_that_it_has(title: str) -> None:
    """CloudWatch finds nothing, and says nothing, where one is missing."""
    drawn = ecs_graphs("ecs")[title]
    *whose, last = drawn.dimensions
    label = None if last == "agent" else last
    assert drawn.metric in FIGURES[label]
    assert (whose if label else [*whose, last]) == ["tenant", "agent"]
    by = "".join(f",{name}" for name in drawn.dimensions)
    assert (
        drawn.search
        == f"SEARCH('{{Groundwork/ecs/agents{by}}} MetricName=\"{drawn.metric}\"', '{drawn.statistic}', 60)"
    )


def test_the_dashboard_shows_watches_and_then_graphs() -> None:
    watch = Watch(
        metric="CPUUtilization", namespace="AWS/ECS", dimensions={"ClusterName": "c"}, limit=90, meaning="CPU"
    )

    def program() -> None:
        args = AlarmsArgs(scope=SCOPE, topic="topic", watches={"cpu": watch}, logs={}, graphs=ecs_graphs("ecs"))
        Alarms("watch", args)

    (board,) = listen(program, "ecs").of("Dashboard")
    first, *others = json.loads(str(board.inputs["dashboardBody"]))["widgets"]
    assert first["properties"]["metrics"] == [["AWS/ECS", "CPUUtilization", "ClusterName", "c"]]
    assert {each["properties"]["title"]: each["properties"]["metrics"][0][0]["expression"] for each in others} == {
        title: drawn.search for title, drawn in ecs_graphs("ecs").items()
    }
    assert len({(each["x"], each["y"]) for each in (first, *others)}) == 1 + len(others)
