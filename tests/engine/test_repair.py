"""A state in an order that the engine refuses, asked of the real engine."""

from __future__ import annotations

import json
from pathlib import Path

import pulumi
import pytest

from local.cluster import Cluster
from local.engine import operation
from local.engine.operation import Operation, Operator
from local.engine.recovery import is_disordered
from local.engine.workspace import Engine
from tests.local.node.quiet import Quiet

pytestmark = pytest.mark.engine


def two() -> None:
    first = pulumi.ComponentResource("test:index:One", "first")
    pulumi.ComponentResource("test:index:One", "second", None, pulumi.ResourceOptions(parent=first))


def disorder(state: Path) -> None:
    """As a run with a target left it: the second before the first, and the engine's own word that it is wrong."""
    document = json.loads(state.read_text("utf-8"))
    latest = document["checkpoint"]["latest"]
    latest["resources"].append(latest["resources"].pop(-2))
    assert [each["urn"].rpartition("::")[2] for each in latest["resources"][-2:]] == ["second", "first"]
    latest["metadata"] = {"integrity_error": {"version": "3", "command": "up", "error": "second comes before first"}}
    state.write_text(json.dumps(document), "utf-8")
    state.with_name(f"{state.name}.attrs").unlink(missing_ok=True)


def test_a_state_that_the_engine_refuses_is_put_in_order(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = engine.stack("local", two)
    stack.up()
    (state,) = engine.paths.pulumi_state.glob(".pulumi/stacks/*/local.json")
    disorder(state)
    assert is_disordered(engine.backend, "local")
    with pytest.raises(pulumi.automation.CommandError, match="integrity"):
        stack.up()
    monkeypatch.setattr("stacks.program", two)
    monkeypatch.setattr(operation, "PACKS", ())
    cluster = Cluster(kubectl=Path("kubectl"), kubeconfig=Path("kubeconfig"))
    outcome = Operator(engine=engine, cluster=cluster, progress=Quiet()).run(Operation.UP, "local")
    assert outcome.summary == "no change"
    # What the engine said is in there until it writes the state again.
    assert "integrity_error" in state.read_text("utf-8")
    assert not is_disordered(engine.backend, "local")
