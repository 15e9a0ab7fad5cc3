"""Several stacks at a time: each is tried, and what one shows or fails with is not lost among the others."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from groundwork.console import Step
from groundwork.errors import ExitCode, UserError
from local.cluster import Cluster
from local.engine.operation import Operation, Operator, StackOutcome
from local.engine.workspace import Engine
from local.paths import Paths


@dataclass
class Said:
    """What a person would have seen."""

    lines: list[str] = field(default_factory=list)
    shown: Step = field(default_factory=lambda: Step("shown"))

    def say(self, line: str) -> None:
        self.lines.append(line)

    def step(self, title: str) -> AbstractContextManager[Step]:
        self.lines.append(title)
        return nullcontext(self.shown)


class Pretended(Operator):
    """Operates without an engine: a stack whose name ends with `bad` fails."""

    def _operate(self, operation: Operation, name: str, step: Step) -> StackOutcome:
        step.update("creating")
        if name.endswith("bad"):
            raise UserError(what="no quota", code=ExitCode.ERROR)
        return StackOutcome(stack=name, outputs={}, changed=1, summary=f"{operation}: 1 create", seconds=0.1)


def operator(said: Said, tmp_path: Path) -> Operator:
    engine = Engine(pulumi=tmp_path / "pulumi", paths=Paths(cache=tmp_path, data=tmp_path), plugin=None)
    cluster = Cluster(kubectl=tmp_path / "kubectl", kubeconfig=tmp_path / "kubeconfig")
    return Pretended(engine=engine, cluster=cluster, progress=said)


def test_outcomes_come_in_the_order_asked_for(tmp_path: Path) -> None:
    said = Said()
    names = [f"local.t{number}" for number in range(20)]
    outcomes = operator(said, tmp_path).run_all(Operation.UP, names)
    assert [outcome.stack for outcome in outcomes] == names
    assert said.shown.detail == "20 of 20"
    assert sum("1 create" in line for line in said.lines) == 20


def test_one_that_fails_stops_no_other_and_is_named(tmp_path: Path) -> None:
    said = Said()
    with pytest.raises(UserError, match=r"local\.bad: no quota") as caught:
        operator(said, tmp_path).run_all(Operation.UP, ["local.a", "local.bad", "local.b"])
    assert caught.value.code is ExitCode.ERROR
    assert sum("1 create" in line for line in said.lines) == 2
    with pytest.raises(UserError, match="2 stacks failed"):
        operator(said, tmp_path).run_all(Operation.UP, ["local.bad", "local.x.bad"])


def test_none_is_nothing_to_do(tmp_path: Path) -> None:
    said = Said()
    assert operator(said, tmp_path).run_all(Operation.UP, []) == []
    assert said.lines == []
