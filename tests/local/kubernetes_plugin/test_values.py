from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.kubernetes_plugin.marking import mark_secrets
from local.plugin.values import UNKNOWN, Json, Object, Secret, decode, encode, has_secret, has_unknown, plain

_KEYS = st.text(min_size=1, max_size=8).filter(lambda key: key != "value" and len(key) < 9)
_LEAVES: st.SearchStrategy[Json] = st.one_of(
    st.booleans(), st.integers(-(2**31), 2**31), st.text(max_size=10), st.just(UNKNOWN)
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3), inner.map(Secret)),
    max_leaves=12,
)
_OBJECTS = st.dictionaries(_KEYS, _VALUES, max_size=4)


@given(_OBJECTS)
def test_what_is_sent_comes_back(properties: Object) -> None:
    assert decode(encode(properties)) == properties


@given(_OBJECTS)
def test_plain_values_have_no_secrets_and_keep_unknowns(properties: Object) -> None:
    assert not has_secret(plain(properties))
    assert has_unknown(plain(properties)) == has_unknown(properties)


def test_nulls_are_left_out() -> None:
    assert decode(encode({"a": None, "b": {"c": None}, "d": [None]})) == {"b": {}, "d": [None]}


def test_whole_numbers_are_integers() -> None:
    decoded = decode(encode({"replicas": 2, "share": 0.5}))
    assert decoded == {"replicas": 2, "share": 0.5}
    assert isinstance(decoded["replicas"], int)


def test_data_of_a_secret_is_marked_even_if_the_program_did_not() -> None:
    marked = mark_secrets({"kind": "Secret", "data": {"a": "eA=="}, "type": "Opaque"}, {})
    assert marked == {"kind": "Secret", "data": Secret({"a": "eA=="}), "type": "Opaque"}


def test_marks_follow_the_inputs_into_objects() -> None:
    inputs: Object = {"spec": {"a": Secret("x"), "b": "y"}, "gone": Secret("z")}
    assert mark_secrets({"spec": {"a": "x", "b": "y", "c": 1}}, inputs) == {
        "spec": {"a": Secret("x"), "b": "y", "c": 1}
    }


def test_a_list_with_one_secret_is_secret_as_a_whole() -> None:
    assert mark_secrets({"env": ["a", "b"]}, {"env": ["a", Secret("b")]}) == {"env": Secret(["a", "b"])}
