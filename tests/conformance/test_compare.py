"""The comparison itself: a recording conforms to itself, and nothing that matters can change unseen."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from tests.conformance import facts, normalise
from tests.conformance.compare import Difference, compare, values
from tests.conformance.model import Recording, read, write

FOLDER = Path(__file__).parent / "recordings"
RECORDINGS = {path.stem: read(path) for path in sorted(FOLDER.glob("*.json"))}


def test_every_recording_is_there() -> None:
    assert len(RECORDINGS) == 22
    assert all(name == recording.scenario for name, recording in RECORDINGS.items())


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_conforms_to_itself(name: str) -> None:
    assert compare(RECORDINGS[name], copy.deepcopy(RECORDINGS[name])) == []


@pytest.mark.parametrize("name", RECORDINGS)
def test_what_is_written_reads_as_the_same(name: str, tmp_path: Path) -> None:
    assert compare(RECORDINGS[name], read(write(RECORDINGS[name], tmp_path))) == []


def only(differences: list[Difference]) -> Difference:
    assert len(differences) == 1, "\n".join(map(str, differences))
    return differences[0]


def changed(name: str, *path: str | int, to: JsonValue) -> Recording:
    """The recording with one value set; `to` None takes a list's entry out."""
    raw = RECORDINGS[name].model_dump(by_alias=True, exclude_unset=True)
    at: Any = raw
    for key in path[:-1]:
        at = at[key]
    if to is None:
        at.pop(path[-1])
    else:
        at[path[-1]] = to
    return Recording.model_validate(raw)


def test_a_failure_that_should_have_been_is_named() -> None:
    found = only(compare(RECORDINGS["exists"], changed("exists", "steps", 0, "up", "exit", to=0)))
    assert (found.path, found.recorded) == ("steps[0].up.exit", 1)


def test_an_update_in_place_of_a_replacement_is_found() -> None:
    recorded = RECORDINGS["configmap-change"]
    got = copy.deepcopy(recorded)
    events = got.steps[1].up
    assert events is not None
    assert events.events is not None
    for event in events.events:
        if event.op in {"create-replacement", "replace", "delete-replaced"}:
            event.op = "update"
    paths = {difference.path for difference in compare(recorded, got)}
    assert "steps[1].up.events[kubernetes:core/v1:ConfigMap::cm]" in paths


def test_the_keys_of_a_replacement_are_compared() -> None:
    recorded = RECORDINGS["deployment-life"]
    got = copy.deepcopy(recorded)
    preview = got.steps[2].preview
    assert preview is not None
    assert preview.events is not None
    replaced = next(event for event in preview.events if event.keys)
    replaced.keys = ["spec"]
    assert only(compare(recorded, got)).path.endswith(".keys[0]")


@pytest.mark.parametrize(
    ("path", "to", "where"),
    [
        (("inputs", "data", "a"), "other", ".inputs.data.a"),
        (("outputs", "__initialApiVersion"), "v2", ".__initialApiVersion"),
        (("outputs", "metadata", "managedFields", 0, "operation"), "Apply", "managedFields"),
        (("id",), "elsewhere/drift", ".id"),
        (("parent",), "urn:pulumi:other::rec::x::y", ".parent"),
    ],
)
def test_a_change_of_the_state_is_found(path: tuple[str | int, ...], to: str, where: str) -> None:
    found = compare(RECORDINGS["drift"], changed("drift", "steps", 0, "state", 0, *path, to=to))
    assert found
    assert all(where in difference.path for difference in found)


def test_an_object_with_another_manager_is_found() -> None:
    path = ("steps", 0, "objects", 0, "metadata", "managedFields", 0, "manager")
    found = compare(RECORDINGS["patch"], changed("patch", *path, to="kubectl"))
    assert any("managedFields.kubectl/Apply" in difference.path for difference in found)


def test_an_object_too_many_and_one_too_few_are_found() -> None:
    short = changed("config-group", "steps", 0, "objects", 1, to=None)
    assert only(compare(RECORDINGS["config-group"], short)).got == "(absent)"
    assert only(compare(short, RECORDINGS["config-group"])).recorded == "(absent)"


def test_what_is_left_behind_is_found_but_not_what_another_scenario_left() -> None:
    assert only(compare(RECORDINGS["drift"], changed("drift", "left", to=["configmap/drift"]))).path == "left"
    assert compare(RECORDINGS["conflict"], changed("conflict", "left", to=[])) == []


def test_an_error_must_say_why() -> None:
    recorded = RECORDINGS["bad-image"]
    got = copy.deepcopy(recorded)
    up = got.steps[0].up
    assert up is not None
    assert up.events is not None
    error = next(event for event in up.events if event.severity == "error" and event.urn)
    error.message = (
        "'bad-0a1b2c3d' timed out: [MinimumReplicasUnavailable] Deployment does not have minimum availability"
    )
    found = only(compare(recorded, got))
    assert "errimageneverpull" in str(found.got)
    error.message = f'more words first; {error.message}; [ErrImageNeverPull] "localhost/none:1" is not present [c]'
    assert compare(recorded, got) == []


def test_a_stricter_plugin_conforms_only_when_it_shows_the_log() -> None:
    got = copy.deepcopy(RECORDINGS["crash-loop"])
    up = got.steps[0].up
    assert up is not None
    assert up.events is not None
    up.exit = 1
    said = up.events[-2].model_copy(update={"event": "diagnostic", "severity": "error", "message": "container crashed"})
    up.events.append(said)
    assert "boom: no database" in str(only(compare(RECORDINGS["crash-loop"], got)).recorded)
    said.message = "container crashed; last lines: boom: no database"
    assert compare(RECORDINGS["crash-loop"], got) == []


def test_random_parts_are_not_compared() -> None:
    text = RECORDINGS["bad-image"].model_dump_json(by_alias=True, exclude_unset=True)
    text = (
        text.replace("a34025b3", "0123cdef")
        .replace("7dd765bd78-6wwp6", "5cd6b8b9d7-x2c4d")
        .replace("7dd765bd78", "5cd6b8b9d7")
    )
    assert compare(RECORDINGS["bad-image"], Recording.model_validate_json(text)) == []


def test_a_status_may_be_read_later_than_recorded_but_not_earlier() -> None:
    name, path = "chart", ("steps", 0, "state", 3, "outputs", "status", "acceptedNames", "kind")
    later = changed(name, *path, to="Widget")
    assert compare(RECORDINGS[name], later) == []
    assert only(compare(later, RECORDINGS[name])).recorded == "Widget"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=12,
)


@given(json_values)
def test_a_value_equals_itself(value: JsonValue) -> None:
    assert list(values("", value, copy.deepcopy(value))) == []


@given(json_values, json_values)
def test_different_values_differ_and_equal_ones_do_not(one: JsonValue, other: JsonValue) -> None:
    assert bool(list(values("x", one, other))) == (repr_of(one) != repr_of(other))


def repr_of(value: JsonValue) -> str:
    """`1` and `True` are equal in Python but not in JSON."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{repr_of(item)}" for key, item in sorted(value.items())) + "}"
    return "[" + ",".join(map(repr_of, value)) + "]" if isinstance(value, list) else repr(value)


@given(json_values)
def test_normalising_twice_changes_nothing(value: JsonValue) -> None:
    once = normalise.value(value)
    assert normalise.value(once) == once


@given(st.sampled_from(sorted(RECORDINGS)), st.randoms(use_true_random=False))
def test_no_event_of_a_resource_can_go_missing(name: str, chance: random.Random) -> None:
    recorded = RECORDINGS[name]
    got = copy.deepcopy(recorded)
    operation = chance.choice([step.up for step in got.steps])
    assert operation is not None
    assert operation.events is not None
    gone = chance.choice([event for event in operation.events if event.op and event.type != "pulumi:providers:pulumi"])
    operation.events.remove(gone)
    assert compare(recorded, got)


@given(st.sampled_from(sorted(RECORDINGS)), st.randoms(use_true_random=False))
def test_no_input_can_change_unseen(name: str, chance: random.Random) -> None:
    recorded = RECORDINGS[name]
    got = copy.deepcopy(recorded)
    resources = [one for step in got.steps for one in step.state or [] if one.get("inputs")]
    if not resources:
        return
    inputs = chance.choice(resources)["inputs"]
    assert isinstance(inputs, dict)
    inputs[chance.choice(sorted(inputs))] = "changed"
    assert compare(recorded, got)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('namespaces "nowhere" not found', {"nowhere", "not found"}),
        ("[Pod rec/a-0123abcd-5cd6b8b9d7-x2c4d]: [c][ErrImageNeverPull] it", {"errimageneverpull"}),
        ("Apply failed with 1 conflict: .metadata.annotations.owner", {"conflict", ".metadata.annotations.owner"}),
        ('resource "urn:pulumi:a::b::c::d" was not created: see https://www.example.com/help', set()),
        ('container "c" completed with exit code 0', {"exit code 0"}),
    ],
)
def test_facts(message: str, expected: set[str]) -> None:
    assert facts.facts(message) == expected


def test_progress_is_compared_without_its_numbers_and_not_where_it_is_chance() -> None:
    assert facts.progress("Waiting for app ReplicaSet to be available (0/1 Pods available)\n") == facts.progress(
        "Waiting for app ReplicaSet to be available (1/2 Pods available)"
    )
    assert facts.progress("Resource scheduled for deletion\n") is None
