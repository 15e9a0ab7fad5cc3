from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.kubernetes_plugin.manifests import DEPENDS_ON, arrange, decode_yaml, normalize, read_files
from local.plugin.errors import PluginError
from local.plugin.values import Json, Object


def _object(kind: str, name: str, namespace: str = "", api_version: str = "v1", **more: Json) -> Object:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **place}, **more}


def _definition(kind: str, scope: str = "Namespaced") -> Object:
    spec = {"group": "x.example.com", "scope": scope, "names": {"kind": kind}}
    return _object("CustomResourceDefinition", f"{kind.lower()}s.x", api_version="apiextensions.k8s.io/v1", spec=spec)


def test_documents_are_split_and_empty_ones_left_out() -> None:
    text = "---\n# nothing\n---\nkind: A\n---\n\n---\nkind: B\n"
    assert decode_yaml(text) == [{"kind": "A"}, {"kind": "B"}]


def test_yaml_is_read_as_kubernetes_reads_it() -> None:
    text = "data: {on: on, yes: yes, time: 2026-11-21, real: true, eq: =}"
    assert decode_yaml(text)[0]["data"] == {"on": "on", "yes": "yes", "time": "2026-11-21", "real": True, "eq": "="}


@pytest.mark.parametrize("text", ["a: [", "- just\n- a list", "just text"])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(PluginError, match="decoding YAML"):
        decode_yaml(text)


def test_files_are_found_by_pattern_in_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yaml", "c.txt"):
        (tmp_path / name).write_text(name)
    assert list(read_files(["*.yaml"], tmp_path, expand_globs=True)) == ["a.yaml", "b.yaml"]
    with pytest.raises(PluginError, match="reading YAML file"):
        list(read_files(["*.yaml"], tmp_path, expand_globs=False))


def test_lists_are_opened_up_and_namespaces_filled_in() -> None:
    listed: Object = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [_object("ConfigMap", "a"), _object("Namespace", "n")],
    }
    found = normalize([listed, _object("Thing", "t", api_version="core/v1")], "d", lambda gvk: gvk.kind != "Namespace")
    assert found == [_object("ConfigMap", "a", "d"), _object("Namespace", "n"), _object("Thing", "t", "d")]


def test_the_scope_of_a_kind_that_the_manifests_define_is_known() -> None:
    wide = _object("Wide", "w", api_version="x.example.com/v1")
    assert normalize([wide, _definition("Wide", "Cluster")], "d", lambda gvk: gvk.kind == "Wide")[0] == wide


@pytest.mark.parametrize(
    ("obj", "reason"), [({"kind": "A"}, "apiVersion"), ({"apiVersion": "v1", "kind": "A"}, "name")]
)
def test_an_incomplete_object_is_refused(obj: Object, reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        normalize([obj], "d", lambda _: True)


def test_definitions_and_namespaces_come_first() -> None:
    thing = _object("Thing", "t", "team", "x.example.com/v1")
    inside = _object("ConfigMap", "c", "team")
    items = arrange([thing, inside, _object("Namespace", "team"), _definition("Thing")], "p")
    names = [item.name for item in items]
    assert set(names[:2]) == {"p:team", "p:things.x"}
    by_name = {item.name: [names[index] for index in item.after] for item in items}
    assert sorted(by_name["p:team/t"]) == ["p:team", "p:things.x"]
    assert by_name["p:team/c"] == ["p:team"]


def test_dependencies_can_be_asked_for() -> None:
    first = _object("ConfigMap", "first", "n")
    second = _object("ConfigMap", "second", "n")
    second["metadata"]["annotations"] = {DEPENDS_ON: "/namespaces/n/ConfigMap/first"}
    assert [(item.name, item.after) for item in arrange([second, first], "")] == [("n/first", ()), ("n/second", (0,))]


def test_circles_and_unknown_dependencies_are_refused() -> None:
    one, two = _object("ConfigMap", "one", "n"), _object("ConfigMap", "two", "n")
    one["metadata"]["annotations"] = {DEPENDS_ON: "/namespaces/n/ConfigMap/two"}
    with pytest.raises(PluginError, match="not in these manifests"):
        arrange([one], "")
    two["metadata"]["annotations"] = {DEPENDS_ON: "/namespaces/n/ConfigMap/one"}
    with pytest.raises(PluginError, match="cyclic"):
        arrange([one, two], "")


@given(
    st.permutations([_object("Namespace", "n"), _definition("Thing"), *(_object("ConfigMap", x, "n") for x in "abc")])
)
def test_nothing_is_lost_and_nothing_comes_before_what_it_needs(objects: list[Object]) -> None:
    items = arrange(objects, "p")
    assert len(items) == len(objects)
    assert all(before < at for at, item in enumerate(items) for before in item.after)
