"""Experiments: Chaos Toolkit's own documents, with what users may notice beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic import JsonValue

from components.documents import DocumentError, Problem, Reader, StrictModel, compose, read_text, validate
from components.problems import as_user_error
from components.units import Duration
from groundwork.errors import UserError
from loadtests.limits import Limit, Rule, parse

EXPERIMENTS = Path(__file__).parent / "experiments"
NAME = "groundwork"
MOST_PAUSE_SECONDS = 180.0


class Expectation(StrictModel):
    """The extension `groundwork`. `load`: the plan under which it runs; `notice`: what users may notice, in words.

    `limits`: the same in numbers, over the whole load; `recovery`: from the fault to when it is as before; `tail`: the
    same for the 99th percentile; `retried`: no request fails but what a killed process had begun to answer.
    """

    name: str
    load: str
    notice: str
    recovery: Duration
    limits: dict[str, tuple[str | Limit, ...]]
    tail: Duration | None = None
    retried: bool = False

    def rules(self) -> list[Rule]:
        """The limits, understood."""
        return [parse(metric, limit) for metric, limits in self.limits.items() for limit in limits]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """`document`: as Chaos Toolkit takes it."""

    name: str
    title: str
    expects: Expectation
    document: Mapping[str, JsonValue]

    @property
    def recovery(self) -> timedelta:
        """How long it may take until it is as before."""
        return self.expects.recovery


def known() -> list[str]:
    """The experiments that come with this project."""
    return sorted(file.stem for file in EXPERIMENTS.glob("*.yaml"))


def read_experiment(name: str) -> Experiment:
    """By its name in loadtests/experiments, or by its file. Raises UserError for one that cannot be run as written."""
    from chaoslib.exceptions import InvalidActivity, InvalidExperiment
    from chaoslib.experiment import ensure_experiment_is_valid

    file = EXPERIMENTS / f"{name}.yaml" if "/" not in name and not name.endswith(".yaml") else Path(name)
    if not file.is_file():
        raise UserError(what=f"there is no experiment {name!r}", allowed=f"{', '.join(known())}, or a file")
    try:
        document, expects = _read(file)
    except DocumentError as error:
        raise as_user_error(error) from None
    try:
        ensure_experiment_is_valid(dict(document))
    except (InvalidExperiment, InvalidActivity) as error:
        raise UserError(what=f"Chaos Toolkit refuses it: {error}", where=file.name) from None
    if not document.get("rollbacks") or not document.get("steady-state-hypothesis"):
        raise UserError(
            what="has no rollbacks or no steady-state-hypothesis", where=file.name, fix="docs/resilience.md"
        )
    _refuse_long(document, file.name)
    return Experiment(name=file.stem, title=str(document["title"]), expects=expects, document=document)


def _refuse_long(document: Mapping[str, JsonValue], where: str) -> None:
    """A fault must end while the load still runs, and soon: raise UserError where its pauses are too long together."""
    total = 0.0
    for part in ("method", "rollbacks"):
        activities = document.get(part)
        for each in activities if isinstance(activities, list) else []:
            pauses = each.get("pauses") if isinstance(each, dict) else None
            for value in pauses.values() if isinstance(pauses, dict) else ():
                total += float(value) if isinstance(value, int | float) else MOST_PAUSE_SECONDS + 1
    if total > MOST_PAUSE_SECONDS:
        raise UserError(
            what="its pauses are too long together", where=where, allowed=f"numbers, {MOST_PAUSE_SECONDS:.0f} s in all"
        )


def _read(file: Path) -> tuple[Mapping[str, JsonValue], Expectation]:
    root = compose(read_text(file, file.name), file.name)
    reader = Reader(file.name)
    document = reader.value(root)
    if reader.problems:
        raise DocumentError(reader.problems)
    extensions = document.get("extensions") if isinstance(document, dict) else None
    for each in extensions if isinstance(extensions, list) else []:
        if isinstance(each, dict) and each.get("name") == NAME and isinstance(document, dict):
            return document, validate(Expectation, each, root, file.name)
    raise DocumentError(
        [Problem(what=f"has no extension {NAME!r}", where=f"{file.name}:1:1", fix="docs/resilience.md")]
    )
