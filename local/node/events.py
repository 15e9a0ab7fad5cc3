"""What ansible-playbook tells, one JSON object a line (playbooks/callback_plugins/groundwork_events.py)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from groundwork.console import Step
from groundwork.errors import ExitCode, UserError

KEPT_LINES = 30


@dataclass
class Run:
    """A playbook's course: `changed` tasks, the first `failure` event, and lines that were no events."""

    changed: list[str] = field(default_factory=list)
    failure: dict[str, object] | None = None
    noise: list[str] = field(default_factory=list)
    ended: bool = False


def follow(lines: Iterable[str], step: Step | None = None) -> Run:
    """Read the events to their end; `step` shows the task under way."""
    run = Run()
    for line in lines:
        event = parse(line)
        if event is None:
            run.noise = [*run.noise, line.rstrip()][-KEPT_LINES:]
            continue
        kind, name = event["event"], str(event.get("name", ""))
        if kind == "task" and step is not None:
            step.update(name.rpartition(" : ")[2])
        elif kind == "changed":
            run.changed.append(name.rpartition(" : ")[2])
        elif kind == "failed":
            run.failure = run.failure or event
        elif kind == "end":
            run.ended = True
    return run


def parse(line: str) -> dict[str, object] | None:
    """The event in a line; None where the line is none of ours."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def error_of(run: Run, status: int, playbook: str) -> UserError | None:
    """The error to show for a run that ended with exit `status`; None when it went well."""
    if run.failure is not None:
        found = {key: str(run.failure[key]) for key in ("where", "allowed", "fix") if key in run.failure}
        task = str(run.failure.get("name", "a task")).rpartition(" : ")[2]
        what = f"{task}: {run.failure.get('msg', 'failed without saying why')}"
        return UserError(what=what, code=ExitCode.ERROR, **found)
    if status == 0 and run.ended:
        return None
    return UserError(
        what=f"ansible-playbook ended with {status}\n" + "\n".join(run.noise),
        where=playbook,
        fix="run the command again; it goes on where it stopped",
        code=ExitCode.ERROR,
    )
