"""Every policy through the harness, which asks the pack as the engine does: good, bad, secret and unknown."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import cache

import pytest

from policies.exceptions import Exceptions
from policies.harness import UNKNOWN, Asked, Diagnostic, Harness, Secret, Value
from policies.pack.rules import by_id, rules
from policies.pack.serving import pack
from tests.policies.aws_cases import AWS
from tests.policies.aws_hardening_cases import HARDENING
from tests.policies.cases import KUBERNETES, Case, Path, changed

CASES = (*KUBERNETES, *AWS, *HARDENING)
BAD = [
    pytest.param(case, path, props, id=f"{case.policy}-{number}-{'.'.join(map(str, path))}")
    for number, case in enumerate(CASES)
    for path, props in case.spoilt()
]
NONE = Exceptions(listed=(), today=dt.date(2026, 1, 1))


@cache
def harness(policy: str) -> Harness:
    return Harness(lambda: pack([by_id()[policy]], NONE))


def excepting(policy: str, exceptions: Exceptions) -> Harness:
    return Harness(lambda: pack([by_id()[policy]], exceptions))


def said(case: Case, props: Mapping[str, Value]) -> list[Diagnostic]:
    asked = [case.asked(props), *case.beside]
    return harness(case.policy).all(asked)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.policy} {case.type}")
def test_what_is_good_passes(case: Case) -> None:
    assert said(case, case.good) == []


@pytest.mark.parametrize(("case", "path", "props"), BAD)
def test_what_is_bad_is_found(case: Case, path: Path, props: Mapping[str, Value]) -> None:
    found = said(case, props)
    assert found, path
    assert not any(each.unknown for each in found)
    assert all(each.mandatory is by_id()[case.policy].severity.stops for each in found)


@pytest.mark.parametrize(("case", "path", "props"), BAD)
def test_what_is_bad_and_secret_is_found(case: Case, path: Path, props: Mapping[str, Value]) -> None:
    hidden = {key: Secret(value) if key == path[0] else value for key, value in props.items()}
    assert said(case, hidden)


@pytest.mark.parametrize(("case", "path", "props"), BAD)
def test_what_is_not_known_is_never_passed_over(case: Case, path: Path, props: Mapping[str, Value]) -> None:
    """The engine lets it through at a preview: the policy must say that it could not look, or that it is wrong."""
    del props
    assert said(case, changed(case.good, path, UNKNOWN)), path


# These are not about what a stack lacks: their cases say what is wrong with one.
WHOLE = {"aws-cost-ceiling", "aws-quotas", "aws-tags", "tenant-hosts-unique", "tenants-apart"}
LACKING = [case for case in CASES if case.beside and case.policy not in WHOLE]


@pytest.mark.parametrize("case", LACKING, ids=lambda case: case.policy)
def test_what_a_stack_lacks_is_found(case: Case) -> None:
    """Each of the resources beside it is needed."""
    for left_out in case.beside:
        others = [each for each in case.beside if each is not left_out]
        assert harness(case.policy).all([case.asked(case.good), *others]), left_out.type


@pytest.mark.parametrize(("group", "found"), [("constraints.gatekeeper.sh/v1beta1", 0), ("example.com/v1", 1)])
def test_a_constraint_stands_in_no_namespace_whatever_its_provider_noted(group: str, found: int) -> None:
    """Its kind may not have been there yet when the provider was asked."""
    kind = f"kubernetes:{group}:K8sLabels"
    props: dict[str, Value] = {"kind": "K8sLabels", "metadata": {"name": "labels", "namespace": "default"}}
    space = Asked(type="kubernetes:core/v1:Namespace", name="space", props={"metadata": {"name": "space"}})
    assert len(harness("tenants-apart").all([space, Asked(type=kind, name="labels", props=props)])) == found


def test_every_policy_has_a_case_and_says_how_to_mend_it() -> None:
    assert {rule.id for rule in rules()} == {case.policy for case in CASES}
    for rule in rules():
        assert rule.frameworks, rule.id
        assert rule.remediation, rule.id
        assert (rule.check is None) != (rule.stack is None), rule.id


def test_an_exception_lets_one_resource_of_one_policy_pass_until_its_day() -> None:
    case = next(case for case in CASES if case.policy == "k8s-image-digest")
    asked = Asked(type=case.type, name="a", props=changed(case.good, case.bad[0][0], case.bad[0][1]))
    listed = Exceptions.read().listed[0].model_copy(update={"policy": case.policy, "resource": f"*::{asked.name}"})
    for day, expected in ((listed.expires, 0), (listed.expires + dt.timedelta(days=1), 1)):
        excepted = Exceptions(listed=(listed,), today=day)
        assert len(excepting(case.policy, excepted).resource(asked)) == expected


def test_a_resource_that_no_policy_is_about_is_not_decoded() -> None:
    odd = Asked(type="kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", name="a", props={"spec": UNKNOWN})
    assert harness("k8s-pod-non-root").all([odd]) == []
