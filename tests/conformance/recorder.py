"""Makes a recording: runs one scenario with one plugin on one cluster, from an empty namespace to what is left."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from pulumi.automation import Stack

from tests.conformance.cluster import Cluster
from tests.conformance.engine import Engine, state
from tests.conformance.model import Operation, Recording, Step

# What was done behind the engine's back in the recordings that do not say it themselves.
_DRIFT = {
    "drift": (
        """kubectl -n rec patch configmap drift --type merge -p '{"data":{"a":"changed","c":"3"}}'""",
        "kubectl -n rec delete configmap drift",
    )
}


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What every scenario is recorded with. `home`: the folder of the program and what it refers to, such as charts."""

    plugin: Path
    kubeconfig: Path
    home: Path

    @property
    def program(self) -> Path:
        """`scenarios.py`, or `scenarios.py.txt` as the project's data names it. Raises FileNotFoundError."""
        for name in ("scenarios.py", "scenarios.py.txt"):
            if (self.home / name).exists():
                return self.home / name
        raise FileNotFoundError(f"{self.home}: neither scenarios.py nor scenarios.py.txt is there")


def record(script: Recording, bench: Bench, folder: Path) -> Recording:
    """Do what `script` did (its setup, steps and shell commands; nothing else of it is used) and record what happened.

    `folder` must be empty; the engine's state stays in it. The cluster's namespace `rec` is emptied before and after.
    """
    cluster = Cluster(kubeconfig=bench.kubeconfig)
    engine = Engine(
        scenario=script.scenario,
        program=bench.program,
        plugin=bench.plugin,
        kubeconfig=bench.kubeconfig,
        folder=folder,
    )
    _bring_files(bench, folder)
    cluster.clean()
    try:
        if script.setup:
            cluster.shell(script.setup)
        run = _Run(script=script, engine=engine, cluster=cluster, stack=engine.stack())
        steps = [run.step(step) for step in script.steps]
        destroy = engine.destroy(run.stack)
        return Recording(
            scenario=script.scenario, setup=script.setup, steps=steps, destroy=destroy, left=cluster.left()
        )
    finally:
        cluster.clean()


def _bring_files(bench: Bench, folder: Path) -> None:
    """Programs name charts and files relative to the project's folder. Where a home has none, ours stand in."""
    for home in (bench.home, Path(__file__).resolve().parent / "recordings"):
        for part in sorted(path for path in home.iterdir() if path.is_dir() and not path.name.startswith(("_", "."))):
            if not (folder / part.name).exists():
                shutil.copytree(part, folder / part.name)


@dataclass(frozen=True, kw_only=True)
class _Run:
    script: Recording
    engine: Engine
    cluster: Cluster
    stack: Stack

    def step(self, script: Step) -> Step:
        done = Step(step=script.step)
        if script.before:
            done.before = script.before
            done.before_out = self.cluster.shell(script.before)
        done.preview = self.engine.preview(self.stack, script.step)
        done.up = self.engine.up(self.stack, script.step)
        done.state = state(self.stack)
        done.preview_again = _summary(self.engine.preview(self.stack, script.step))
        if script.refresh is not None:
            self.drift(script, done)
        done.objects = self.cluster.objects()
        return done

    def drift(self, script: Step, done: Step) -> None:
        """Change an object behind the engine's back, refresh and preview; then delete it and refresh again."""
        known = _DRIFT.get(self.script.scenario)
        done.drift = script.drift or (known[0] if known else None)
        done.loss = script.loss or (known[1] if known else None)
        if done.drift is None or done.loss is None:
            raise ValueError(
                f"{self.script.scenario}: it refreshes but does not say what was changed (`drift`, `loss`)"
            )
        self.cluster.shell(done.drift)
        done.refresh = self.engine.refresh(self.stack)
        done.state_after_refresh = state(self.stack)
        done.preview_after_drift = self.engine.preview(self.stack, script.step)
        self.cluster.shell(done.loss)
        done.refresh_after_delete = self.engine.refresh(self.stack)


def _summary(operation: Operation) -> Operation:
    kept = [event for event in operation.events or [] if event.event == "summary"]
    return Operation(exit=operation.exit, summary=kept)
