from __future__ import annotations

from local.kubernetes_plugin.objects import keep_dropped
from local.kubernetes_plugin.undeclared import undeclared, without
from local.plugin.values import Object

REFUSAL = """failed to create typed patch object (rec/d; apps/v1, Kind=Deployment): errors:
  .spec.replcas: field not declared in schema
  .spec.template.spec.containers[name="c"].imag: field not declared in schema
  .spec.ports[port=80,protocol="TCP"].x: field not declared in schema"""


def test_the_fields_that_a_refusal_names_are_taken_out() -> None:
    obj: Object = {
        "spec": {
            "replcas": 3,
            "replicas": 1,
            "template": {"spec": {"containers": [{"name": "b", "imag": 1}, {"name": "c", "imag": 1}]}},
            "ports": [{"port": 80, "protocol": "UDP", "x": 1}, {"port": 80, "protocol": "TCP", "x": 1}],
        }
    }
    paths = undeclared(REFUSAL)
    assert len(paths) == 3
    assert without(obj, paths)["spec"] == {
        "replicas": 1,
        "template": {"spec": {"containers": [{"name": "b", "imag": 1}, {"name": "c"}]}},
        "ports": [{"port": 80, "protocol": "UDP", "x": 1}, {"port": 80, "protocol": "TCP"}],
    }
    assert obj["spec"]["replcas"] == 3


def test_a_path_that_leads_nowhere_changes_nothing() -> None:
    assert without({"spec": {"a": []}}, [".spec.a[0].b", ".x.y", ".spec.a[name=c].d"]) == {"spec": {"a": []}}


def test_other_refusals_name_no_fields() -> None:
    assert undeclared('Deployment.apps "x" is invalid: spec.selector: Invalid value') == []


def test_a_field_that_was_sent_and_not_stored_is_no_change() -> None:
    inputs: Object = {"spec": {"replcas": 3, "replicas": 1}}
    assert keep_dropped({"spec": {"replicas": 1}}, inputs, everything=True) == inputs
    assert keep_dropped({"spec": {"replicas": 1}}, inputs) == {"spec": {"replicas": 1}}
