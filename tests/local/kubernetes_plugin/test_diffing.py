from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.kubernetes_plugin.diffing import compare, to_object, to_properties
from local.kubernetes_plugin.objects import keep_dropped, prune
from local.kubernetes_plugin.replacing import force_new
from local.plugin.diffing import Change, covers, parse_path, path_text
from local.plugin.values import UNKNOWN, Json, Object, Secret

_KEYS = st.text(min_size=1, max_size=6).filter(lambda key: "\\" not in key)
_JSON: st.SearchStrategy[Json] = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=10,
)
_OBJECTS: st.SearchStrategy[Object] = st.dictionaries(_KEYS, _JSON, max_size=4)


def _compare(old: Object, new: Object) -> dict[str, tuple[str, bool]]:
    return {found.text: (found.change.value, found.replaces) for found in compare(old, new, _patterns(new))}


def _patterns(obj: Object, **settings: bool) -> tuple[tuple[str, ...], ...]:
    mutable = {"config_map_mutable": False, "secret_mutable": False, **settings}
    return force_new(obj, config_map_mutable=mutable["config_map_mutable"], secret_mutable=mutable["secret_mutable"])


@given(_OBJECTS)
def test_equal_objects_have_no_difference(obj: Object) -> None:
    assert compare(obj, obj, ()) == []


@given(_OBJECTS, _OBJECTS)
def test_objects_differ_exactly_where_they_are_not_equal(old: Object, new: Object) -> None:
    assert bool(compare(old, new, ())) == (to_object(old) != to_object(new) or repr(old) != repr(new))


@given(st.lists(st.one_of(_KEYS, st.integers(0, 20)), min_size=1, max_size=5))
def test_a_path_survives_being_written_down(path: list[str | int]) -> None:
    if path_text(path[:1]).startswith("[") and isinstance(path[0], int):
        path = ["root", *path]
    assert parse_path(path_text(path)) == tuple(path)


@pytest.mark.parametrize("text", ['metadata["a', "spec[0"])
def test_an_unfinished_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="unfinished"):
        parse_path(text)


def test_paths_read_as_the_engine_writes_them() -> None:
    assert path_text(("metadata", "labels", "a.b/c")) == 'metadata.labels["a.b/c"]'
    assert path_text(("spec", "containers", 0, "image")) == "spec.containers[0].image"


def test_an_ignored_path_covers_what_is_below_it() -> None:
    assert covers(parse_path("spec.ports[*]"), ("spec", "ports", 1, "port"))
    assert not covers(parse_path("spec.ports"), ("spec",))


def _configmap(**more: Json) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "n"}, **more}


def test_changed_data_replaces_a_configmap() -> None:
    assert _compare(_configmap(data={"a": "0"}), _configmap(data={"a": "1"})) == {"data.a": ("UPDATE", True)}
    assert _compare(_configmap(), _configmap(data={"a": "1"})) == {"data": ("ADD", True)}
    assert _compare(_configmap(data={"a": "1"}), _configmap()) == {"data": ("DELETE", True)}


def test_a_mutable_configmap_is_updated_unless_it_is_immutable() -> None:
    old, new = _configmap(data={"a": "0"}), _configmap(data={"a": "1"})
    found = compare(old, new, _patterns(new, config_map_mutable=True))
    assert [(one.change, one.replaces) for one in found] == [(Change.UPDATE, False)]
    frozen = _configmap(data={"a": "1"}, immutable=True)
    assert any(one.replaces for one in compare(old, frozen, _patterns(frozen, config_map_mutable=True)))


def _deployment(label: str, replicas: int = 1) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": label}},
            "template": {"metadata": {"labels": {"app": label}}},
        },
    }


def test_a_changed_selector_replaces_a_deployment_and_a_changed_template_does_not() -> None:
    assert _compare(_deployment("web"), _deployment("web2", 2)) == {
        "spec.selector.matchLabels.app": ("UPDATE", True),
        "spec.template.metadata.labels.app": ("UPDATE", False),
        "spec.replicas": ("UPDATE", False),
    }


@pytest.mark.parametrize(
    ("group_kind", "path"),
    [
        (("batch/v1", "Job"), ("spec", "template", "spec", "containers", 0, "image")),
        (("apps/v1", "StatefulSet"), ("spec", "serviceName")),
        (("v1", "Service"), ("spec", "clusterIP")),
        (("v1", "Secret"), ("type",)),
        (("v1", "PersistentVolumeClaim"), ("spec", "storageClassName")),
        (("v1", "PersistentVolume"), ("spec", "hostPath", "path")),
        (("v1", "Pod"), ("spec", "containers", 0, "image")),
        (("rbac.authorization.k8s.io/v1", "RoleBinding"), ("roleRef", "name")),
        (("storage.k8s.io/v1", "StorageClass"), ("parameters", "a")),
        (("example.com/v1", "Thing"), ("metadata", "namespace")),
    ],
)
def test_fields_that_cannot_change_in_place(group_kind: tuple[str, str], path: tuple[str | int, ...]) -> None:
    def build(value: str) -> Object:
        inner: Json = value
        for part in reversed(path):
            inner = [inner] if isinstance(part, int) else {part: inner}
        return {"apiVersion": group_kind[0], "kind": group_kind[1], **inner}

    assert _compare(build("old"), build("new")) == {path_text(path): ("UPDATE", True)}


def test_lists_are_compared_item_by_item() -> None:
    old: Object = {"rules": [{"verbs": ["get"]}, {"verbs": ["list"]}]}
    new: Object = {"rules": [{"verbs": ["get", "watch"]}]}
    assert _compare(old, new) == {"rules[0].verbs[1]": ("ADD", False), "rules[1]": ("DELETE", False)}


def test_values_that_are_not_known_yet_count_as_changed() -> None:
    assert _compare({"a": "x"}, {"a": UNKNOWN, "b": UNKNOWN}) == {"a": ("UPDATE", False), "b": ("ADD", False)}


def test_ignored_changes_are_left_out() -> None:
    assert compare({"a": {"b": 1, "c": 1}}, {"a": {"b": 2, "c": 2}}, (), [("a", "b")])[0].text == "a.c"


def test_schema_keywords_change_their_spelling_on_the_way() -> None:
    schema: Object = {"spec": {"x_kubernetes_preserve_unknown_fields": True, "secret": Secret("a")}}
    assert to_object(schema) == {"spec": {"x-kubernetes-preserve-unknown-fields": True, "secret": "a"}}
    assert to_properties({"x-kubernetes-list-type": "map"}) == {"x_kubernetes_list_type": "map"}


def test_the_clusters_own_fields_and_items_are_pruned() -> None:
    live: Object = {
        "spec": {"replicas": 1, "strategy": {}, "containers": [{"name": "a", "x": 1}, {"name": "injected"}]}
    }
    assert prune(live, {"spec": {"replicas": 2, "containers": [{"name": "a"}]}}) == {
        "spec": {"replicas": 1, "containers": [{"name": "a"}]}
    }


def test_zero_values_that_the_api_server_leaves_out_are_no_change() -> None:
    inputs: Object = {"spec": {"hostNetwork": False, "minReadySeconds": 0, "replicas": 1}}
    before = keep_dropped(prune({"spec": {"replicas": 1}}, inputs), inputs)
    assert compare(before, inputs, ()) == []
    assert [one.text for one in compare(before, {"spec": {**inputs["spec"], "hostPID": False}}, ())] == ["spec.hostPID"]
