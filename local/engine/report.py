"""The engine's events as progress, and its diagnostics as an error for people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from groundwork.console import Step
from groundwork.errors import ExitCode, UserError

if TYPE_CHECKING:
    from pulumi.automation import EngineEvent
    from pulumi.automation.events import PolicyEvent, StepEventMetadata, StepEventStateMetadata

_ANSI = re.compile(r"\x1b\[[0-9;]*m|<\{%[^%]*%\}>")
_NOISE = re.compile(r"^(update failed|preview failed|resource .* failed)$", re.IGNORECASE)
# What the program says of the engine's end, when the engine has said why it ended.
_ECHO = "resource monitor shut down"
STACK = "pulumi:pulumi:Stack"
_UNHANDLED = "an unhandled error occurred: "  # the engine repeats a program's own error after these words
_DOING = {
    "create": "creating",
    "update": "updating",
    "delete": "deleting",
    "replace": "replacing",
    "create-replacement": "replacing",
    "delete-replaced": "deleting the old",
    "read": "reading",
    "refresh": "refreshing",
    "import": "importing",
}
# What a policy says that met a value which is not known before an update: the engine makes advice of that.
_UNSEEN = "can't run policy"
# A Go program that crashed prints its reason, this, and hundreds of lines of who called whom.
_TRACE = re.compile(r"^goroutine \d+ \[.*\]:$", re.MULTILINE)
_CALLS = 24  # lines of those that are shown: the innermost calls, two lines each
_GLIMPSE = 160  # characters of an error that the progress shows
_UNCHANGED = frozenset({"same", "read"})
# Of an object of Kubernetes: what is said of it and when, which no program reads.
_OWN = frozenset({"status", "metadata"})


def short(urn: str) -> str:
    """`urn:pulumi:local::groundwork::a$kubernetes:apps/v1:Deployment::web` → `Deployment web`."""
    parts = urn.split("::")
    return f"{parts[2].rsplit('$', 1)[-1].rsplit(':', 1)[-1]} {parts[-1]}" if len(parts) > 3 else urn


def crash(text: str) -> str:
    """What a program said, without the outer calls of the trace where it crashed: its reason stays in sight."""
    if (trace := _TRACE.search(text)) is None:
        return text
    calls = text[trace.start() :].splitlines()
    more = [f"… {len(calls) - _CALLS} lines more"] if len(calls) > _CALLS else []
    return text[: trace.start()] + "\n".join([*calls[:_CALLS], *more])


def _differing(metadata: StepEventMetadata) -> str | None:
    """What of a refreshed resource is other than its state says; None where nothing is.

    A refresh by itself ends as what it would do to the state, one before an update as a refresh.
    """
    if metadata.old is None or metadata.new is None:
        return "is gone" if metadata.new is None else "is new"
    if metadata.op.value not in {"refresh", *_UNCHANGED} and metadata.detailed_diff:
        return ", ".join(sorted(metadata.detailed_diff))
    old, new = metadata.old.inputs or {}, metadata.new.inputs or {}
    keys = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    return ", ".join(keys) if keys else None


def _outputs(state: StepEventStateMetadata | None) -> Mapping[str, object]:
    """Those that a program may read."""
    found = (state.outputs or {}) if state is not None else {}
    return {key: value for key, value in found.items() if key not in _OWN}


@dataclass
class Report:
    """Follows one operation of the engine. `changes`: how many resources were created, updated and so on.

    `new_outputs`: whether the stack's own outputs are others than before; no resource counts as changed by that.
    `stale`: the resources of which a refresh found that the state is no longer what is there, and what of them differs;
    `outdated`: whether one has other outputs than the state says, but for what servers change by themselves.
    `touched`: each of them, such as "update Deployment web (spec)".
    `advice`: breaches of policies that do not stop the engine; `unseen`: checks of policies that could not be made.
    """

    step: Step
    changes: Counter[str] = field(default_factory=Counter)
    new_outputs: bool = False
    stale: list[str] = field(default_factory=list)
    outdated: bool = False
    touched: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    unseen: int = 0
    _under_way: dict[str, str] = field(default_factory=dict)
    _refreshing: set[str] = field(default_factory=set)
    _errors: list[str] = field(default_factory=list)

    def on_event(self, event: EngineEvent) -> None:
        """Take one event. Called from the thread that follows the engine's log."""
        if event.resource_pre_event is not None:
            self._started(event.resource_pre_event.metadata)
        elif event.res_outputs_event is not None:
            self._ended(event.res_outputs_event.metadata)
        elif event.res_op_failed_event is not None:
            self._under_way.pop(event.res_op_failed_event.metadata.urn, None)
        elif event.diagnostic_event is not None and event.diagnostic_event.severity == "error":
            self._failed(event.diagnostic_event.urn, event.diagnostic_event.message)
        elif event.policy_event is not None:
            self._breached(event.policy_event)
        elif event.summary_event is not None:
            for operation, count in (event.summary_event.resource_changes or {}).items():
                self.changes[str(getattr(operation, "value", operation))] += count
        self._show()

    def _started(self, metadata: StepEventMetadata) -> None:
        urn, operation = metadata.urn, metadata.op.value
        if operation == "refresh":
            self._refreshing.add(urn)
        if (doing := _DOING.get(operation)) is not None:
            self._under_way[urn] = f"{doing} {short(urn)}"
        if metadata.type != STACK and operation != "refresh" and operation not in _UNCHANGED:
            keys = f" ({', '.join(metadata.detailed_diff)})" if metadata.detailed_diff else ""
            self.touched.append(f"{operation} {short(urn)}{keys}")

    def _ended(self, metadata: StepEventMetadata) -> None:
        self._under_way.pop(metadata.urn, None)
        if metadata.urn in self._refreshing:
            self._refreshing.discard(metadata.urn)
            if (differs := _differing(metadata)) is not None:
                self.stale.append(f"{short(metadata.urn)} ({differs})")
            self.outdated = self.outdated or _outputs(metadata.old) != _outputs(metadata.new)
        if metadata.type == STACK and metadata.old is not None and metadata.new is not None:
            self.new_outputs = metadata.old.outputs != metadata.new.outputs

    def _failed(self, urn: str | None, message: str) -> None:
        text = _ANSI.sub("", message).strip().removeprefix(_UNHANDLED)
        if not text or _NOISE.match(text):
            return
        self._errors.append(f"{short(urn)}: {text}" if urn and STACK not in urn else text)

    def _breached(self, event: PolicyEvent) -> None:
        message = " ".join(_ANSI.sub("", event.message).split())
        if _UNSEEN in message:
            self.unseen += 1
            return
        where = f"{short(event.resource_urn)}: " if event.resource_urn else ""
        text = f"{where}{message} [{event.policy_name}]"
        (self._errors if event.enforcement_level == "mandatory" else self.advice).append(text)

    def _show(self) -> None:
        names = list(self._under_way.values())
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        # What failed is said while the rest is still waited for: that can take ten minutes.
        failed = f"failed: {' '.join(self._errors[0].split())[:_GLIMPSE]}; " if self._errors else ""
        self.step.update(f"{failed}{names[-1]}{more}" if names else failed.removesuffix("; "))

    @property
    def changed(self) -> int:
        """How many resources were not the same. What is only read, such as another stack's outputs, is no change."""
        return sum(count for operation, count in self.changes.items() if operation not in _UNCHANGED)

    def summary(self) -> str:
        """Such as "3 to create, 12 same"; "no change" where nothing was to do."""
        rows = [
            f"{count} {operation}" for operation, count in sorted(self.changes.items()) if operation not in _UNCHANGED
        ]
        return ", ".join(rows) if rows else "no change"

    def error(self, operation: str, otherwise: str) -> UserError:
        """What went wrong, in the engine's own words; `otherwise` where it said nothing."""
        errors = dict.fromkeys(self._errors)
        words = [text for text in errors if _ECHO not in text] or list(errors) or [crash(otherwise.strip())]
        return UserError(
            what="\n".join(words),
            where=f"pulumi {operation}",
            fix="mend the cause and run this again: what was done stays, the rest is done then",
            code=ExitCode.ERROR,
        )
