from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.kubernetes_plugin.cluster import Cluster
from local.kubernetes_plugin.errors import ApiError
from local.kubernetes_plugin.managers import adopt_fields, manages
from local.kubernetes_plugin.settings import Settings
from local.kubernetes_plugin.writing import Update, Writer, keep_ignored, leave_ignored, three_way_patch
from local.plugin.values import Json, Object
from tests.local.kubernetes_plugin.samples import Heard

_TREES: st.SearchStrategy[Json] = st.recursive(
    st.one_of(st.integers(0, 3), st.text("ab", max_size=2), st.lists(st.integers(0, 3), max_size=2)),
    lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)
_OBJECTS: st.SearchStrategy[Object] = st.dictionaries(st.sampled_from("abcd"), _TREES, max_size=4)


def _merge(target: Json, patch: Json) -> Json:
    """A JSON merge patch, as the API server applies it (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge(result.get(key), value)
    return result


def _holds(live: Json, wanted: Json) -> bool:
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(_holds(live.get(key), value) for key, value in wanted.items())
    return bool(live == wanted)


@given(_OBJECTS, _OBJECTS, _OBJECTS)
def test_a_three_way_patch_brings_what_is_wanted_and_removes_only_what_was_ours(
    old: Object, new: Object, live: Object
) -> None:
    patched = _merge(live, three_way_patch(old, new, live))
    assert _holds(patched, new)
    assert all(key not in patched for key in old if key not in new)
    assert all(key in patched for key in live if key not in old)


def _entry(manager: str, operation: str, fields: Object, **more: str) -> Object:
    return {"manager": manager, "operation": operation, "fieldsV1": fields, **more}


def test_fields_of_a_plain_write_go_to_the_apply_manager() -> None:
    entries = [
        _entry("pulumi-kubernetes", "Update", {"f:data": {".": {}, "f:a": {}}}),
        _entry("other", "Update", {"f:data": {"f:b": {}}}),
        _entry("pulumi-kubernetes", "Update", {"f:status": {}}, subresource="status"),
    ]
    adopted = adopt_fields(entries, "pulumi-kubernetes-1")
    assert adopted is not None
    assert adopted[:2] == entries[1:]
    assert adopted[2] == _entry("pulumi-kubernetes-1", "Apply", {"f:data": {".": {}, "f:a": {}}})


def test_fields_are_added_to_those_that_the_apply_manager_has() -> None:
    entries = [
        _entry("kubectl-client-side-apply", "Update", {"f:spec": {"f:a": {}}}),
        _entry("me", "Apply", {"f:spec": {"f:b": {}}}),
    ]
    assert adopt_fields(entries, "me") == [_entry("me", "Apply", {"f:spec": {"f:b": {}, "f:a": {}}})]


def test_without_a_plain_write_nothing_is_handed_over() -> None:
    assert adopt_fields([_entry("me", "Apply", {}), _entry("kube-controller-manager", "Update", {})], "me") is None


def test_an_ignored_field_of_another_manager_is_not_sent() -> None:
    live: Object = {
        "metadata": {"managedFields": [_entry("hpa", "Update", {"f:spec": {"f:replicas": {}}})]},
        "spec": {"replicas": 5},
    }
    assert leave_ignored({"spec": {"replicas": 1, "x": 1}}, live, "me", [("spec", "replicas")]) == {"spec": {"x": 1}}


def test_an_ignored_field_of_our_own_keeps_its_live_value() -> None:
    live: Object = {
        "metadata": {"managedFields": [_entry("me", "Apply", {"f:spec": {"f:replicas": {}}})]},
        "spec": {"replicas": 5},
    }
    assert leave_ignored({"spec": {"replicas": 1}}, live, "me", [("spec", "replicas")]) == {"spec": {"replicas": 5}}
    assert keep_ignored({}, live, [("spec", "replicas")]) == {"spec": {"replicas": 5}}


def test_managing_a_parent_is_not_managing_every_child() -> None:
    entry = _entry("me", "Apply", {"f:spec": {"f:a": {}}})
    assert manages(entry, ["spec"])
    assert not manages(entry, ["spec", "b"])


class OneOf:
    """An API server whose kind takes `a` or `b`: an apply adds to what another manager wrote, and is refused."""

    def apply(self, _obj: Object, _manager: str, **_how: bool) -> Object:
        raise ApiError(422, "Invalid", "spec: must validate one and only one schema (oneOf)")

    def patch(self, live: Object, patch: Object, _kind: str, _manager: str, *, dry_run: bool) -> Object:
        assert dry_run
        merged = _merge(live, patch)
        assert isinstance(merged, dict)
        return merged


def _swapped(manager: str, *, dry_run: bool) -> Object:
    """What becomes of an object with `a`, written by this manager, whose program now says `b`."""
    head: Object = {"apiVersion": "example.com/v1", "kind": "Choice", "metadata": {"name": "c"}}
    entries = [_entry(manager, "Update", {"f:spec": {"f:a": {}}})]
    live = head | {"metadata": {"name": "c", "managedFields": entries}, "spec": {"a": 1}}
    writer = Writer(cast("Cluster", OneOf()), Settings(), Heard(), "m", patch=False, pause=lambda _seconds: True)
    change = Update(inputs=head | {"spec": {"b": 2}}, old_inputs=head | {"spec": {"a": 1}}, live=live)
    return writer.update(change, dry_run=dry_run)


def test_a_preview_can_swap_alternatives_that_exclude_each_other() -> None:
    assert _swapped("pulumi-kubernetes", dry_run=True)["spec"] == {"b": 2}


def test_what_another_wrote_is_refused_as_it_will_be() -> None:
    with pytest.raises(ApiError, match="oneOf"):
        _swapped("kubectl", dry_run=True)
