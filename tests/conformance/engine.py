"""Runs the scenarios' program on the engine and keeps of its events what a recording holds."""

from __future__ import annotations

import json
import os
import re
import runpy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from pulumi.automation import CommandError, EngineEvent, LocalWorkspace, Stack
from pulumi.automation.events import StepEventMetadata
from pydantic import JsonValue

from local.engine import channels
from tests.conformance.model import Event, JsonObject, Operation

PROJECT = "rec"
_MARKUP = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")
_EXIT = re.compile(r"^\s*code: (-?\d+)$", re.MULTILINE)
_OWN = ("pulumi:pulumi:Stack", "pulumi:providers:kubernetes")
_KEPT = ("urn", "type", "id", "custom", "inputs", "outputs", "parent", "dependencies", "initErrors")


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One scenario on the engine. `folder` is its own: project file, state and whatever the program refers to."""

    scenario: str
    program: Path
    plugin: Path
    kubeconfig: Path
    folder: Path

    def stack(self) -> Stack:
        """The scenario's stack, made if there is none, with the plugin named in the project file."""
        channels.separate()
        self._write_project()
        workspace = LocalWorkspace(work_dir=str(self.folder), env_vars=self._environment())
        return Stack.create_or_select(self.scenario, workspace)

    def _write_project(self) -> None:
        (self.folder / "state").mkdir(parents=True, exist_ok=True)
        program = self.folder / "plugin" / "pulumi-resource-kubernetes"
        if self.plugin.name != program.name:  # the engine wants this very name
            program.parent.mkdir(exist_ok=True)
            program.unlink(missing_ok=True)
            program.symlink_to(self.plugin)
        else:
            program = self.plugin
        project = {
            "name": PROJECT,
            "runtime": "python",
            "plugins": {"providers": [{"name": "kubernetes", "path": str(program.parent)}]},
        }
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(project), "utf-8")

    def _environment(self) -> dict[str, str]:
        return {
            "PULUMI_BACKEND_URL": (self.folder / "state").as_uri(),
            "PULUMI_HOME": str(self._home()),
            "GOGC": "400",
            "PULUMI_CONFIG_PASSPHRASE": "conformance",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_K8S_CLIENT_QPS": os.environ.get("PULUMI_K8S_CLIENT_QPS", "120"),
            "KUBECONFIG": str(self.kubeconfig),
        }

    def _home(self) -> Path:
        """Without the engine's log of every property, as `local.engine.workspace` has it: most of its time."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        (home / "logs").touch()
        return home

    def preview(self, stack: Stack, step: int) -> Operation:
        return self._run(lambda on_event: stack.preview(on_event=on_event, program=self._program(step)))

    def up(self, stack: Stack, step: int) -> Operation:
        return self._run(lambda on_event: stack.up(on_event=on_event, program=self._program(step)))

    def refresh(self, stack: Stack) -> Operation:
        return self._run(lambda on_event: stack.refresh(on_event=on_event))

    def destroy(self, stack: Stack) -> Operation:
        return self._run(lambda on_event: stack.destroy(on_event=on_event))

    def _program(self, step: int) -> Callable[[], None]:
        settings = {"SCN": self.scenario, "STEP": str(step), "KUBECONFIG": str(self.kubeconfig)}

        def program() -> None:
            with _environment(settings):
                runpy.run_path(str(self.program), run_name="__main__")

        return program

    def _run(self, command: Callable[[Callable[[EngineEvent], None]], object]) -> Operation:
        events: list[Event] = []

        def on_event(event: EngineEvent) -> None:
            kept = keep(event)
            if kept is not None:
                events.append(kept)

        started, status = time.monotonic(), 0
        try:
            command(on_event)
        except CommandError as error:
            found = _EXIT.search(str(error))
            status = int(found[1]) if found else 1
        return Operation(exit=status, seconds=round(time.monotonic() - started, 1), events=events)


def keep(event: EngineEvent) -> Event | None:
    """What a recording keeps of an event; None for those that it leaves out (prelude, debug, output of programs)."""
    for name, part in (
        ("resourcePreEvent", event.resource_pre_event),
        ("resOutputsEvent", event.res_outputs_event),
        ("resOpFailedEvent", event.res_op_failed_event),
    ):
        if part is not None:
            return _step(name, part.metadata)
    said = event.diagnostic_event
    if said is not None and said.severity in {"info", "warning", "error"}:
        message = _MARKUP.sub("", said.message)
        return Event(event="diagnostic", severity=said.severity, urn=said.urn or None, message=message)
    if event.summary_event is not None:
        changes = {str(getattr(op, "value", op)): n for op, n in event.summary_event.resource_changes.items() if n}
        return Event(event="summary", changes=changes)
    return None


def _step(name: str, metadata: StepEventMetadata) -> Event:
    detailed: JsonValue = None
    if metadata.detailed_diff:
        detailed = {
            path: {"diffKind": str(getattr(diff.diff_kind, "value", diff.diff_kind)), "inputDiff": diff.input_diff}
            for path, diff in metadata.detailed_diff.items()
        }
    return Event.model_validate(
        {
            "event": name,
            "op": str(getattr(metadata.op, "value", metadata.op)),
            "urn": metadata.urn,
            "type": metadata.type,
            "diffs": metadata.diffs or None,
            "detailedDiff": detailed,
            "keys": metadata.keys or None,
        }
    )


def state(stack: Stack) -> list[JsonObject]:
    """The exported resources but for the stack and its Kubernetes provider, with the fields that are compared."""
    workspace = stack.workspace
    # Not `export_stack`, which shows what is secret.
    arguments = ["stack", "export", "--stack", stack.name]
    answer = workspace.pulumi_command.run(arguments, workspace.work_dir, workspace.env_vars)
    resources = json.loads(answer.stdout)["deployment"].get("resources") or []
    return [
        {key: resource[key] for key in _KEPT if key in resource}
        for resource in resources
        if resource["type"] not in _OWN
    ]


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
