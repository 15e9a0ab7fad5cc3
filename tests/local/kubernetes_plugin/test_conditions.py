from __future__ import annotations

import pytest

from local.kubernetes_plugin.awaiting.conditions import PathCondition, parse_wait_for
from local.plugin.errors import PluginError
from local.plugin.values import Object

OBJ: Object = {
    "metadata": {"name": "w", "labels": {"a.b/c": "x"}},
    "data": {"ready": "no"},
    "spec": {"replicas": 2, "on": True, "ports": [{"name": "http", "port": 80}]},
    "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Slow", "message": "wait"}]},
}


@pytest.mark.parametrize(
    ("expression", "met"),
    [
        ("jsonpath={.data.ready}=no", True),
        ("jsonpath={.data.ready}=yes", False),
        ("jsonpath={.data.ready}", True),
        ("jsonpath={.data.missing}", False),
        ("jsonpath={.spec.replicas}=2", True),
        ("jsonpath={.spec.on}=true", True),
        ("jsonpath={.spec.ports[0].port}=80", True),
        ("jsonpath={.spec.ports[*].name}=http", True),
        ("jsonpath={.spec.ports[5].port}", False),
        ("jsonpath={.metadata.labels['a.b/c']}=x", True),
        ("jsonpath={.metadata.labels.a\\.b/c}=x", True),
        ('jsonpath={.status.conditions[?(@.type=="Ready")].status}=False', True),
        ("jsonpath={$.metadata.name}=w", True),
        ("jsonpath={.spec.ports}", True),
        ("condition=Ready", False),
        ("condition=ready=False", True),
        ("condition=Gone", False),
        ('["jsonpath={.data.ready}=no", "condition=Ready=False"]', True),
        ('["jsonpath={.data.ready}=no", "condition=Ready"]', False),
    ],
)
def test_what_an_object_can_be_waited_for(expression: str, met: bool) -> None:
    assert parse_wait_for(expression)(OBJ)[0] is met


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("Ready", "prefix"),
        ("[]", "at least one"),
        ("jsonpath=.data.ready=no", "brackets"),
        ("jsonpath='{.data}'=no", "quotes"),
        ("jsonpath={.data.ready}=", "requires a value"),
        ("jsonpath={.a}=b=c", "format"),
        ("jsonpath={.a[}=b", "unexpected"),
    ],
)
def test_a_wrong_expression_says_what_is_wrong(expression: str, reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        parse_wait_for(expression)


def test_progress_tells_what_was_found() -> None:
    path = PathCondition.parse("jsonpath={.data.ready}=yes")
    assert path.judge(OBJ) == (False, 'Waiting for {.data.ready}=yes (found "no")')
    done, message = parse_wait_for("condition=Ready")(OBJ)
    assert not done
    assert message == 'Waiting for condition "Ready" to be "True" (have "False", Slow: wait)'


def test_an_object_is_no_value_to_compare_with() -> None:
    with pytest.raises(PluginError, match="non-primitive"):
        PathCondition.parse("jsonpath={.data}=x").judge(OBJ)
