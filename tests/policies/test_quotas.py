"""As many as an account is given pass; one more is named, once."""

from __future__ import annotations

import pytest

from policies.pack.aws.quotas import QUOTAS, RULE, Quota
from policies.rule import Resource


def resources(quota: Quota, number: int, of: str = "one") -> list[Resource]:
    props: dict[str, object] = {quota.per: of} if quota.per else {}
    if quota.only:
        props[quota.only[0]] = quota.only[1]
    return [Resource(type=quota.type, urn=f"{of}{each}", name=f"{of}{each}", props=props) for each in range(number)]


def said(*made: Resource) -> list[tuple[str, str]]:
    assert RULE.stack is not None
    return [(each.name, message) for each, message in RULE.stack(made)]


@pytest.mark.parametrize("quota", QUOTAS, ids=lambda quota: f"{quota.type} {quota.only}")
def test_one_more_than_the_quota_is_found(quota: Quota) -> None:
    assert said(*resources(quota, quota.most)) == []
    [(name, message)] = said(*resources(quota, quota.most + 2))
    assert name == f"one{quota.most}"
    assert f"than the {quota.most} " in message


@pytest.mark.parametrize("quota", [each for each in QUOTAS if each.per], ids=lambda quota: quota.type)
def test_what_belongs_to_two_is_counted_for_each(quota: Quota) -> None:
    assert said(*resources(quota, quota.most, "one"), *resources(quota, quota.most, "two")) == []
