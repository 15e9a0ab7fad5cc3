from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.kubernetes_plugin.normalize import normalize, quantity
from local.plugin.values import UNKNOWN, Object

_SCALE: dict[str, Decimal | int] = {
    "": 1,
    "m": Decimal("0.001"),
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
}


def _amount(text: str) -> Decimal:
    suffix = text.lstrip("-0123456789.")
    scale = {**_SCALE, "T": 10**12, "P": 10**15, "E": 10**18, "Ti": 2**40, "Pi": 2**50, "u": Decimal("1e-6")}[suffix]
    return Decimal(text.removesuffix(suffix)) * scale


@pytest.mark.parametrize(
    ("given_text", "canonical"),
    [
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("1500m", "1500m"),
        (1, "1"),
        (0.1, "100m"),
        ("1.5Gi", "1536Mi"),
    ],
)
def test_quantities_have_one_form(given_text: str | float, canonical: str) -> None:
    assert quantity(given_text) == canonical


@given(st.integers(1, 10**6), st.sampled_from(sorted(_SCALE)))
def test_a_quantity_keeps_its_amount_and_normalizing_twice_changes_nothing(number: int, suffix: str) -> None:
    text = quantity(f"{number}{suffix}")
    assert _amount(text) == number * _SCALE[suffix]
    assert quantity(text) == text


def test_text_of_a_secret_becomes_data_and_wins_over_it() -> None:
    secret: Object = {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "x"}, "data": {"a": "old", "b": "eQ=="}}
    assert normalize(secret) == {"apiVersion": "v1", "kind": "Secret", "data": {"a": "eA==", "b": "eQ=="}}


def test_white_space_in_base64_means_nothing_and_nonsense_stays() -> None:
    secret: Object = {"apiVersion": "v1", "kind": "Secret", "data": {"a": "eA==\n", "b": "not base64!"}}
    assert normalize(secret)["data"] == {"a": "eA==", "b": "not base64!"}


def test_read_only_metadata_goes() -> None:
    obj: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "uid": "1", "managedFields": []}}
    assert normalize(obj)["metadata"] == {"name": "a"}


def test_resources_of_containers_are_normalized_but_not_data() -> None:
    deployment: Object = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "spec": {"template": {"spec": {"containers": [{"resources": {"limits": {"cpu": "1000m"}}}]}}},
    }
    container = normalize(deployment)["spec"]["template"]["spec"]["containers"][0]
    assert container == {"resources": {"limits": {"cpu": "1"}}}
    config: Object = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"limits": "1000m"}}
    assert normalize(config)["data"] == {"limits": "1000m"}


@pytest.mark.parametrize("kind", [("example.com/v1", "Thing"), ("v1", "Secret")])
def test_custom_resources_and_unknown_values_are_left_as_they_are(kind: tuple[str, str]) -> None:
    spec = {"limits": {"cpu": "1000m"}} if kind[1] == "Thing" else {"x": UNKNOWN}
    obj: Object = {"apiVersion": kind[0], "kind": kind[1], "stringData": {"a": "b"}, "spec": spec}
    assert normalize(obj) == obj


def test_a_definition_loses_what_the_api_server_drops() -> None:
    crd: Object = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "spec": {"preserveUnknownFields": False, "group": "x"},
        "status": {},
    }
    assert normalize(crd) == {**{key: crd[key] for key in ("apiVersion", "kind")}, "spec": {"group": "x"}}


def test_empty_maps_that_mean_nothing_go_and_those_that_mean_something_stay() -> None:
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "labels": {}},
        "spec": {"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{"name": "c", "env": []}]},
    }
    assert normalize(pod)["metadata"] == {"name": "p"}
    assert normalize(pod)["spec"] == {"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{"name": "c"}]}
