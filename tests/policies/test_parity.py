"""The tables of rules that exist twice are whole. That the parts agree: `tests/engine/test_policies.py`."""

from __future__ import annotations

from policies.admission import templates
from policies.checkov.severities import _HIGH
from policies.pack.rules import by_id
from tests.policies.parity import CASES, CHECKOV, PACK_ONLY, forms

WITH_CASES = {case.policy for case in CASES}


def test_each_check_of_checkov_that_stops_has_a_rule_of_the_pack_beside_it() -> None:
    assert frozenset().union(*CHECKOV.values()) >= _HIGH


def test_each_rule_that_exists_twice_is_the_packs_and_has_fixtures() -> None:
    held = {rule.id for rule in templates.held()}
    assert held
    assert held <= set(by_id()) & WITH_CASES
    assert set(CHECKOV) <= set(by_id()) & WITH_CASES


def test_what_only_the_pack_sees_is_a_bad_form_of_a_rule_that_exists_twice() -> None:
    assert {form.name for form in forms(frozenset(CHECKOV)) if form.path is not None} >= PACK_ONLY


def test_no_two_forms_share_a_name() -> None:
    """Otherwise what is said of one would be looked up for the other."""
    for policies in (frozenset(CHECKOV), frozenset(rule.id for rule in templates.held())):
        names = [form.name for form in forms(policies)]
        assert len(names) == len(set(names))


def test_a_constraint_stops_what_the_pack_stops_and_spares_only_named_namespaces() -> None:
    made = list(templates.manifests())
    for rule in templates.held():
        (constraint,) = [each for each in made if each["kind"] == templates.kind_of(rule)]
        assert constraint["spec"] == {
            "enforcementAction": "deny" if rule.severity.stops else "warn",
            "match": {
                "kinds": [{"apiGroups": ["*"], "kinds": sorted(rule.types)}],
                "excludedNamespaces": ["kube-system", "gatekeeper-system"],
            },
        }
    assert len(made) == 2 * len(templates.held())
