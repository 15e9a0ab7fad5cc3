"""What `up` says at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.answer import missing, show
from local.engine.operation import StackOutcome
from local.record import Record, Way
from local.up import Outcome

AGENT = {"tenant": "acme", "agent": "one", "tier": "heavy", "address": "https://acme.example.com/agents/one"}
TEMPO = "not run: no image is named; Jaeger keeps the traces"


def outcome(layer: dict[str, object]) -> Outcome:
    def stack(name: str, outputs: dict[str, object]) -> StackOutcome:
        return StackOutcome(stack=name, outputs=outputs, changed=0, summary="no change", seconds=1.0)

    return Outcome(
        record=Record(way=Way.REAL, stack="local", kubeconfig=Path("/kubeconfig")),
        stacks=(
            stack("local", {}),
            stack("local.observability", layer),
            stack("local.acme", {"agents": {"one": AGENT}}),
        ),
        seconds=3.0,
    )


def test_the_table_says_what_is_declared_and_does_not_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    show(outcome({"not here": {"tempo": TEMPO}}), [])
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "tempo" in line]
    assert "not here" in row
    assert TEMPO in row


@pytest.mark.parametrize("layer", [{}, {"not here": {}}, {"not here": None}])
def test_where_everything_runs_the_table_has_agents_alone(
    layer: dict[str, object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    show(outcome(layer), [])
    said = capsys.readouterr().out
    assert "acme/one" in said
    assert "not here" not in said


def test_what_is_no_output_has_nothing_missing() -> None:
    assert missing(None) == {}
