"""Ansible output as one JSON object a line: what `local/node/events.py` turns into progress and errors."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ansible.plugins.callback import CallbackBase

if TYPE_CHECKING:
    from ansible.executor.stats import AggregateStats
    from ansible.executor.task_result import CallbackTaskResult
    from ansible.playbook.task import Task

DOCUMENTATION = """
name: groundwork_events
type: stdout
short_description: one JSON object a line
description: [Events for a program that runs ansible-playbook.]
"""

ERROR_FIELDS = ("msg", "where", "allowed", "fix")


class CallbackModule(CallbackBase):
    """Writes the events "task", "changed", "failed" and "end"."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "groundwork_events"

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:  # noqa: ARG002 - Ansible's
        """A task begins."""
        self._write(event="task", name=task.get_name())

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """A task ended well."""
        if result.result.get("changed"):
            self._write(event="changed", name=result.task.get_name(), what=result.result.get("made", []))

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        """A task failed."""
        if not ignore_errors:
            found = {field: result.result[field] for field in ERROR_FIELDS if result.result.get(field)}
            self._write(event="failed", name=result.task.get_name(), **found)

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        """The host cannot be reached."""
        self.v2_runner_on_failed(result)

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        """The play is over."""
        hosts = [stats.summarize(host) for host in stats.processed]
        self._write(event="end", **{key: sum(host[key] for host in hosts) for key in ("ok", "changed", "failures")})

    def _write(self, **event: object) -> None:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()
