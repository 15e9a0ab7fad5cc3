"""The gate: what every stage found in an environment, held against the exceptions, as one verdict."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from groundwork.verdict import Check, Outcome, Verdict
from policies.admission.dry_run import objects_of, refusals
from policies.analysis import Findings, short
from policies.checkov.scan import scan
from policies.checkov.severities import severity_of
from policies.exceptions import FILE, Exceptions
from policies.pack.rules import by_id, rules
from policies.rule import Resource, Severity

if TYPE_CHECKING:
    from groundwork.console import Progress

_ORDER = list(Severity)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One breach as the report has it. `line`: the Python that made the resource, where known."""

    stage: str
    policy: str
    severity: Severity
    where: str
    line: str
    message: str
    fix: str
    excepted: bool


@dataclass(kw_only=True)
class Stage:
    """What one stage found, how much it looked at, how long it took. `problems` fail the gate by themselves.

    `unseen`: what could not be looked at before an update, which makes a pass inconclusive.
    """

    name: str
    rows: list[Row] = field(default_factory=list)
    looked_at: int = 0
    seconds: float = 0
    problems: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)

    @property
    def stopping(self) -> list[Row]:
        """Critical and high breaches without an exception."""
        return [row for row in self.rows if row.severity.stops and not row.excepted]

    def check(self) -> Check:
        """This stage's part of the verdict: nothing looked at is inconclusive."""
        outcome = Outcome.PASS
        if self.problems or self.stopping:
            outcome = Outcome.FAIL
        elif self.unseen or not self.looked_at:
            outcome = Outcome.INCONCLUSIVE
        excepted = sum(row.excepted for row in self.rows)
        return Check(
            name=self.name,
            outcome=outcome,
            measured=f"{len(self.stopping)} critical or high, {len(self.rows) - len(self.stopping) - excepted} lesser, "
            f"{excepted} excepted, in {self.looked_at} looked at, {self.seconds:.1f} s",
            limit="0 critical or high",
            why="; ".join([*self.problems, *self.unseen]),
        )


@dataclass(frozen=True, kw_only=True)
class Result:
    """All stages, and the verdict that they come to."""

    stages: Sequence[Stage]
    verdict: Verdict

    @property
    def rows(self) -> list[Row]:
        """Every breach, the worst first."""
        every = [row for stage in self.stages for row in stage.rows]
        return sorted(every, key=lambda row: (_ORDER.index(row.severity), row.excepted, row.policy, row.where))

    @property
    def refusals(self) -> list[str]:
        """Why it is no pass, a line each; none where it is one."""
        rows = [row for row in self.rows if row.severity.stops and not row.excepted]
        lines = [f"{short(row.where)}: {row.message} [{row.policy}]" for row in rows]
        lines += [f"{check.name}: {check.outcome}, {check.why}" for check in self.verdict.checks if check.why]
        return lines


@dataclass(frozen=True, kw_only=True)
class Tools:
    """The programs beside the pack, each made or installed when it is asked for. `checkout`: whose files are read."""

    checkov: Callable[[], Path]
    gator: Callable[[], Path]
    checkout: Path | None

    @classmethod
    def of(cls, cache: Path, progress: Progress) -> Tools:
        """This machine's, on this checkout."""
        from local import toolchain
        from local.paths import CHECKOUT
        from policies.checkov.environment import ensure

        return cls(
            checkov=lambda: ensure(cache),
            gator=lambda: toolchain.ensure(("gator",), progress=progress).path("gator"),
            checkout=CHECKOUT,
        )


def judge(
    environment: str,
    graphs: Mapping[str, Sequence[Resource]],
    *,
    tools: Tools | None,
    exceptions: Exceptions,
    about: Mapping[str, str] | None = None,
) -> Result:
    """Hold the stacks of an environment to every policy. `tools`: what else is asked; None leaves it at the pack.

    `about`: what else the verdict speaks about, such as a bill.
    """
    whole = [each for graph in graphs.values() for each in graph]
    stages = [_pack(graphs, exceptions)]
    if tools is not None and objects_of(whole):
        stages.append(_admission(tools.gator(), whole, exceptions))
    if tools is not None:
        stages.append(_checkov(tools.checkov(), whole, tools.checkout, exceptions))
    every = tools is not None and not any(stage.unseen for stage in stages)
    stages.append(_exceptions(stages, exceptions, environment, every_stage=every))
    verdict = Verdict.of(
        "policy",
        environment,
        dt.datetime.now(dt.UTC),
        {"policies": _digest(), "exceptions": hashlib.sha256(FILE.read_bytes()).hexdigest()} | dict(about or {}),
        [stage.check() for stage in stages],
    )
    return Result(stages=stages, verdict=verdict)


def _pack(graphs: Mapping[str, Sequence[Resource]], exceptions: Exceptions) -> Stage:
    stage, started = Stage(name="pack"), time.monotonic()
    whole = [each for graph in graphs.values() for each in graph]
    lines = {each.urn: each.line for each in whole}
    every = [(graph, None) for graph in graphs.values()]
    across = [(whole, [rule for rule in rules() if rule.across])] if len(graphs) > 1 else []
    for graph, chosen in (*every, *across):
        found = Findings.of(graph, exceptions, chosen)
        stage.looked_at += 0 if chosen else found.looked_at
        if found.unseen:
            stage.unseen.append(
                f"{len(found.unseen)} checks need values known after up only: {', '.join(found.unseen)}"
            )
        charts = [] if chosen else _unexpanded(graph)
        if charts:
            stage.unseen.append(f"objects of charts, which are known after up only: {', '.join(charts)}")
        stage.rows += [
            Row(
                stage="pack",
                policy=each.rule.id,
                severity=each.rule.severity,
                where=each.urn,
                line=lines.get(each.urn, ""),
                message=f"{each.rule.title}: {each.message}",
                fix=each.rule.remediation,
                excepted=each.excepted,
            )
            for each in found.listed
        ]
    stage.rows = list(dict.fromkeys(stage.rows))  # two of one stack are found twice
    stage.seconds = time.monotonic() - started
    return stage


def _unexpanded(graph: Sequence[Resource]) -> list[str]:
    """The charts without any of their objects, which are named `<chart>:…`: a program asks for the chart alone."""
    made = {each.name.partition(":")[0] for each in graph if ":" in each.name}
    return [each.name for each in graph if each.kind == "Chart" and each.name not in made]


def _admission(program: Path, resources: Sequence[Resource], exceptions: Exceptions) -> Stage:
    started = time.monotonic()
    lines, known = {each.urn: each.line for each in resources}, by_id()
    stage = Stage(name="admission", looked_at=len(objects_of(resources)))
    stage.rows = [
        Row(
            stage="admission",
            policy=each.policy,
            severity=known[each.policy].severity,
            where=each.urn,
            line=lines.get(each.urn, ""),
            message=each.message,
            fix=known[each.policy].remediation,
            excepted=exceptions.allow(each.policy, each.urn),
        )
        for each in refusals(program, resources)
    ]
    stage.seconds = time.monotonic() - started
    return stage


def _checkov(program: Path, resources: Sequence[Resource], checkout: Path | None, exceptions: Exceptions) -> Stage:
    started = time.monotonic()
    seen = scan(program, resources, checkout)
    lines = {each.urn: each.line for each in resources}
    stage = Stage(name="checkov", looked_at=seen.scanned)
    stage.rows = [
        Row(
            stage="checkov",
            policy=each.check,
            severity=severity_of(each.check),
            where=each.where,
            line=lines.get(each.where, ""),
            message=each.title,
            fix=each.guideline,
            excepted=exceptions.allow(each.check, each.where),
        )
        for each in seen.found
    ]
    if seen.untranslated:
        stage.problems.append(f"cannot be translated for checkov: {', '.join(seen.untranslated)}")
    partly = sum(bool(each.unknown) for each in resources)
    if partly:
        stage.unseen.append(f"{partly} resources have values known after up only, which checkov takes for not set")
    if seen.unread:
        stage.problems.append(f"not looked at by checkov: {', '.join(seen.unread)}")
    stage.seconds = time.monotonic() - started
    return stage


def _exceptions(stages: Iterable[Stage], exceptions: Exceptions, environment: str, *, every_stage: bool) -> Stage:
    """Exceptions that have expired, or that nothing needs. The latter is asked only where every stage saw all."""
    breaches = [(row.policy, row.where) for stage in stages for row in stage.rows]
    stage = Stage(name="exceptions", looked_at=max(1, len(exceptions.listed)))
    stage.problems += [f"expired: {each}" for each in exceptions.expired]
    if every_stage:
        stage.problems += [f"matches nothing: {each}" for each in exceptions.unmatched(breaches, environment)]
    return stage


def _digest() -> str:
    """Of all policies, as they stand in their files."""
    text = "\n".join(f"{rule.id} {rule.severity} {rule.title}" for rule in rules())
    code = b"".join(file.read_bytes() for file in sorted(Path(__file__).parent.rglob("*.py")))
    return hashlib.sha256(text.encode() + code).hexdigest()
