"""Compares two recordings of one scenario; every difference names its path, what was recorded and what was got."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from tests.conformance import facts, normalise
from tests.conformance.model import Event, JsonObject, Operation, Recording, Step

# Scenarios in which a stricter plugin than the vendor's is right: what a reader must then be told.
STRICTER = {"crash-loop": ("boom: no database",)}
# The engine's own provider, which the vendor's plugin loads by looking up references; it manages nothing.
_NOT_OURS = {"pulumi:providers:pulumi"}
_ABSENT = "(absent)"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that is not as recorded. `path` is where in the recording, such as `steps[0].up.exit`."""

    path: str
    recorded: object
    got: object

    def __str__(self) -> str:
        return f"{self.path}\n    recorded: {_brief(self.recorded)}\n    got:      {_brief(self.got)}"


def _brief(value: object, limit: int = 1500) -> str:
    words = str(value)
    return words if len(words) <= limit else f"{words[:limit]} … ({len(words)} characters)"


def compare(recorded: Recording, got: Recording) -> list[Difference]:
    """What differs and must not; empty where `got` conforms."""
    if len(recorded.steps) != len(got.steps):
        return [Difference(path="steps", recorded=len(recorded.steps), got=len(got.steps))]
    found: list[Difference] = []
    stricter = False
    for number, (wanted, made) in enumerate(zip(recorded.steps, got.steps, strict=True)):
        path = f"steps[{number}]"
        if recorded.scenario in STRICTER and not _failed(wanted) and _failed(made):
            stricter = True
            found += _stricter(path, recorded.scenario, made)
        else:
            found += _step(path, wanted, made, _kinds(recorded))
    found += [] if stricter else _operation("destroy", recorded.destroy, got.destroy)
    found += _left(recorded, got)
    return found


def _failed(step: Step) -> bool:
    return step.up is not None and step.up.failed


def _stricter(path: str, scenario: str, made: Step) -> Iterator[Difference]:
    said = " ".join(_said(made.up, {"error"}))
    for fact in STRICTER[scenario]:
        if fact not in said:
            yield Difference(path=f"{path}.up.events error", recorded=f"(failing is stricter, then) {fact}", got=said)


def _step(path: str, wanted: Step, made: Step, kinds: set[str]) -> Iterator[Difference]:
    for name in ("preview", "up", "preview_again", "refresh", "preview_after_drift", "refresh_after_delete"):
        yield from _operation(f"{path}.{name}", getattr(wanted, name), getattr(made, name))
    for name in ("state", "state_after_refresh"):
        yield from _resources(f"{path}.{name}", getattr(wanted, name), getattr(made, name))
    if wanted.before_out is not None:
        yield from values(f"{path}.before_out", wanted.before_out, made.before_out)
    if wanted.objects is not None:
        yield from _objects(f"{path}.objects", wanted.objects, made.objects or [], kinds)


def _operation(path: str, wanted: Operation | None, made: Operation | None) -> Iterator[Difference]:
    if wanted is None:
        return
    if made is None:
        yield Difference(path=path, recorded="an operation", got=_ABSENT)
        return
    if wanted.exit is not None and wanted.failed != made.failed:
        yield Difference(
            path=f"{path}.exit", recorded=wanted.exit, got=f"{made.exit}; it said: {_said(made, {'error'})}"
        )
    if wanted.events is not None:
        yield from _events(f"{path}.events", wanted.events, made.events or [])
    yield from values(f"{path}.summary", _changes(wanted), _changes(made))


def _changes(operation: Operation) -> JsonValue:
    events = operation.summary if operation.summary is not None else operation.events or []
    return [dict(event.changes or {}) for event in events if event.event == "summary"]


def _events(path: str, wanted: list[Event], made: list[Event]) -> Iterator[Difference]:
    """Each resource's events in their order; the order between resources is the engine's to choose."""
    before, after = _by_urn(wanted), _by_urn(made)
    for urn in before | after:
        where = f"{path}[{_short(urn)}]"
        left, right = before.get(urn, []), after.get(urn, [])
        yield from _steps(where, [e for e in left if e.op], [e for e in right if e.op])
        yield from _diagnostics(where, left, right)


def _by_urn(events: Iterable[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        # What has no resource is the engine's own, such as "update failed"; the exit status tells that.
        if event.urn and event.type not in _NOT_OURS:
            found[normalise.text(event.urn)].append(event)
    return found


def _steps(path: str, wanted: list[Event], made: list[Event]) -> Iterator[Difference]:
    left = [f"{event.event} {event.op}" for event in wanted]
    right = [f"{event.event} {event.op}" for event in made]
    if left != right:
        yield Difference(path=path, recorded=left, got=right)
        return
    for event, other in zip(wanted, made, strict=True):
        where = f"{path}.{event.event} {event.op}"
        yield from values(f"{where}.detailedDiff", _diff(event), _diff(other))
        yield from values(f"{where}.diffs", [*sorted(event.diffs or [])], [*sorted(other.diffs or [])])
        yield from values(f"{where}.keys", [*sorted(event.keys or [])], [*sorted(other.keys or [])])


def _diff(event: Event) -> JsonValue:
    return {path: diff.get("diffKind") for path, diff in (event.detailed_diff or {}).items()}


def _diagnostics(path: str, wanted: list[Event], made: list[Event]) -> Iterator[Difference]:
    """Errors must be errors; each warning and each line of progress must be told in some way."""
    everything = "\n".join(_messages(made, {"info", "warning", "error"}))
    errors = "\n".join(_messages(made, {"error"}))
    for message in _messages(wanted, {"error"}):
        gone = facts.missing(message, errors)
        if gone or not errors:
            yield Difference(
                path=f"{path} error", recorded=message.strip(), got=f"{errors.strip()!r} lacks {sorted(gone)}"
            )
    for message in _messages(wanted, {"warning"}):
        gone = facts.missing(message, everything)
        if gone:
            yield Difference(path=f"{path} warning", recorded=message.strip(), got=f"nothing tells {sorted(gone)}")
    lines = {facts.progress(message) for message in _messages(made, {"info", "warning"})}
    for line in dict.fromkeys(facts.progress(message) for message in _messages(wanted, {"info"})):
        if line is not None and line not in lines:
            yield Difference(path=f"{path} info", recorded=line, got=sorted(one for one in lines if one))
    if not _messages(wanted, {"error"}) and errors:
        yield Difference(path=f"{path} error", recorded=_ABSENT, got=errors)


def _messages(events: Iterable[Event], severities: set[str]) -> list[str]:
    return [event.message or "" for event in events if event.severity in severities]


def _said(operation: Operation | None, severities: set[str]) -> list[str]:
    return [] if operation is None else [text.strip() for text in _messages(operation.events or [], severities)]


def _resources(path: str, wanted: list[JsonObject] | None, made: list[JsonObject] | None) -> Iterator[Difference]:
    if wanted is None:
        return
    before, after = (
        {str(normalise.value(one["urn"])): one for one in side if one["type"] not in _NOT_OURS}
        for side in (wanted, made or [])
    )
    for urn in before.keys() & after.keys():
        yield from _init_errors(f"{path}[{_short(urn)}].initErrors", before[urn], after[urn])
    without = [{urn: {**one, "initErrors": None} for urn, one in side.items()} for side in (before, after)]
    yield from _keyed(path, *without)


def _init_errors(path: str, wanted: JsonObject, made: JsonObject) -> Iterator[Difference]:
    """Like diagnostics: as many words as the plugin likes, but every fact."""
    before, after = (_lines(side.get("initErrors")) for side in (wanted, made))
    gone = facts.missing(before, after)
    if gone or bool(before) != bool(after):
        yield Difference(path=path, recorded=before, got=f"{after!r} lacks {sorted(gone)}")


def _lines(items: JsonValue) -> str:
    return "\n".join(normalise.text(str(item)) for item in items) if isinstance(items, list) else ""


def _objects(path: str, wanted: list[JsonObject], made: list[JsonObject], kinds: set[str]) -> Iterator[Difference]:
    """Only kinds that the recording speaks of: it does not say what else was there."""
    before, after = ({_identity(one): one for one in side if str(one["kind"]) in kinds} for side in (wanted, made))
    yield from _keyed(path, before, after)


def _kinds(recorded: Recording) -> set[str]:
    objects = [one for step in recorded.steps for one in step.objects or []]
    resources = [one for step in recorded.steps for one in step.state or []]
    return {str(one["kind"]) for one in objects} or {str(one["type"]).rsplit(":", 1)[-1] for one in resources}


def _identity(one: JsonObject) -> str:
    metadata = one["metadata"]
    assert isinstance(metadata, dict)
    return f"{one['kind']}/{normalise.value(metadata['name'])}"


def _keyed(path: str, wanted: dict[str, JsonObject], made: dict[str, JsonObject]) -> Iterator[Difference]:
    for key in wanted | made:
        where = f"{path}[{_short(key)}]"
        if key not in made:
            yield Difference(path=where, recorded="an entry", got=_ABSENT)
        elif key not in wanted:
            yield Difference(path=where, recorded=_ABSENT, got="an entry")
        else:
            found = values(where, normalise.value(wanted[key]), normalise.value(made[key]))
            yield from (difference for difference in found if not _read_later(difference))


def _read_later(difference: Difference) -> bool:
    """A status that a controller had not yet filled in when the recorded plugin read it."""
    by_controllers = ".outputs.status." in difference.path or re.search(
        r"\.managedFields\.(kube-[^/]+)/Update/status", difference.path
    )
    return bool(by_controllers) and difference.recorded in (_ABSENT, "", None)


def values(path: str, wanted: JsonValue, made: JsonValue) -> Iterator[Difference]:
    """Differences of two JSON values, as deep as they go. Lists that are maps by nature are matched by their keys."""
    if isinstance(wanted, dict) and isinstance(made, dict):
        for key in wanted | made:
            yield from values(f"{path}.{key}", wanted.get(key, _ABSENT), made.get(key, _ABSENT))
    elif isinstance(wanted, list) and isinstance(made, list):
        left, right = (_by_key(path, side) for side in (wanted, made))
        if left is not None and right is not None:
            yield from values(path, left, right)
        elif len(wanted) == len(made):
            for number, (one, other) in enumerate(zip(wanted, made, strict=True)):
                yield from values(f"{path}[{number}]", one, other)
        else:
            yield Difference(path=path, recorded=wanted, got=made)
    elif type(wanted) is not type(made) or wanted != made:
        yield Difference(path=path, recorded=wanted, got=made)


def _by_key(path: str, items: list[JsonValue]) -> dict[str, JsonValue] | None:
    """Lists that Kubernetes treats as maps: managed fields and conditions come in the order of time."""
    keys = {"managedFields": ("manager", "operation", "subresource"), "conditions": ("type",)}.get(
        path.rsplit(".", 1)[-1]
    )
    if keys is None:
        return None
    return {"/".join(str(item.get(key, "")) for key in keys): item for item in items if isinstance(item, dict)}


def _left(recorded: Recording, got: Recording) -> Iterator[Difference]:
    """A leftover that nothing else in the recording names belongs to another scenario and says nothing here."""
    everything = normalise.text(recorded.model_dump_json(exclude={"left"}))
    wanted = {normalise.text(name) for name in recorded.left}
    foreign = {name for name in wanted if name.rsplit("/", 1)[-1] not in everything}
    made = {normalise.text(name) for name in got.left}
    yield from values("left", [*sorted(wanted - foreign)], [*sorted(made - foreign)])


def _short(urn: str) -> str:
    return urn.split("::", 2)[-1]
