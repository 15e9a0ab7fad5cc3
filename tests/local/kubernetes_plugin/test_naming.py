from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.kubernetes_plugin.naming import adopt_old_name, assign_name, is_autonamed, is_generate_name, is_named
from local.kubernetes_plugin.objects import name
from local.plugin.naming import Autonaming, NamingRequest
from local.plugin.values import UNKNOWN


@given(st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True), st.binary(max_size=16))
def test_a_name_is_the_resources_name_and_eight_hex_digits(base: str, seed: bytes) -> None:
    named = assign_name({"kind": "ConfigMap"}, NamingRequest(base, seed))
    assert re.fullmatch(re.escape(base) + "-[0-9a-f]{8}", name(named))
    assert is_autonamed(named)


def test_the_same_seed_gives_the_same_name() -> None:
    request = NamingRequest("cm", b"seed")
    assert assign_name({}, request) == assign_name({}, request)
    assert name(assign_name({}, request)) != name(assign_name({}, NamingRequest("cm", b"other")))


@pytest.mark.parametrize("metadata", [{"name": "fixed"}, {"name": UNKNOWN}, {"generateName": "x-"}])
def test_objects_that_have_a_name_or_will_get_one_keep_it(metadata: dict[str, object]) -> None:
    obj = {"metadata": metadata}
    assert assign_name(obj, NamingRequest("cm")) == obj


def test_an_automatic_name_is_kept_and_an_own_name_wins() -> None:
    old = assign_name({}, NamingRequest("cm"))
    assert name(adopt_old_name({"metadata": {"namespace": "n"}}, old)) == name(old)
    assert name(adopt_old_name({"metadata": {"name": "own"}}, old)) == "own"
    assert not is_named(adopt_old_name({}, {"metadata": {"name": "was-its-own"}}))


def test_settings_of_the_stack_decide() -> None:
    assert name(assign_name({}, NamingRequest("cm", mode=Autonaming.ENFORCE, proposed="cm-verbatim"))) == "cm-verbatim"
    with pytest.raises(ValueError, match="autonaming is disabled"):
        assign_name({}, NamingRequest("cm", mode=Autonaming.DISABLE))


def test_annotations_that_are_not_known_yet_are_left_alone() -> None:
    named = assign_name({"metadata": {"annotations": UNKNOWN}}, NamingRequest("cm"))
    assert named["metadata"]["annotations"] is UNKNOWN


def test_generate_name_counts_only_without_a_name() -> None:
    assert is_generate_name({"metadata": {"generateName": "a-"}})
    assert not is_generate_name({"metadata": {"generateName": "a-", "name": "b"}})
