"""Experiments of this project under another load than they are written for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from groundwork.verdict import Verdict
from loadtests.experiment import Experiment
from loadtests.faults.state import all_settled, declared
from loadtests.plan import PLANS
from loadtests.resilience import Surroundings, try_experiment
from tests.local.node.quiet import Quiet


def under(experiment: Experiment, folder: Path, level: float, changes: Mapping[str, str] | None = None) -> Experiment:
    """With another level of its load, in requests a second, and other `changes` of its plan."""
    document = yaml.safe_load((PLANS / f"{experiment.expects.load}.yaml").read_text("utf-8"))
    document["shape"]["level"] = level
    file = folder / f"{experiment.expects.load}.yaml"
    file.write_text(yaml.safe_dump({**document, **(changes or {})}), "utf-8")
    return replace(experiment, expects=experiment.expects.model_copy(update={"load": str(file)}))


def tried(experiment: Experiment) -> Verdict:
    """On the environment that is up here."""
    return try_experiment(experiment, "local", Quiet(), Surroundings(declared=declared, settled=all_settled), {})
