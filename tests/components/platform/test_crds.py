from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from pydantic import ValidationError

from components.platform.crds import Platform, PlatformArgs, structural
from components.platform.specs import KINDS, ApiKeySpec, DomainSpec, TenantSpec
from tests.components.recording import Graph, Value, record

KEY: dict[str, object] = {"hash": "a" * 64, "scope": {"org": "acme"}, "createdAt": "2026-01-01T00:00:00Z"}


def made() -> Graph:
    return record(lambda: Platform("platform", PlatformArgs(environment="local")))


def schemas(value: Value) -> Iterator[Mapping[str, Value]]:
    """A schema and all those in it."""
    assert isinstance(value, Mapping)
    yield value
    properties = value.get("properties", {})
    assert isinstance(properties, Mapping)
    for inner in (*properties.values(), value.get("items"), value.get("additionalProperties")):
        if inner is not None:
            yield from schemas(inner)


def test_each_kind_is_waited_for_until_it_is_served() -> None:
    found = made().of("CustomResourceDefinition")
    assert {each.at("metadata", "name") for each in found} == {
        f"{plural}.groundwork.internal" for plural in ("tenants", "apikeys", "domains")
    }
    for each in found:
        assert each.at("metadata", "annotations", "pulumi.com/waitFor") == "condition=Established"
        assert each.at("spec", "scope") == "Namespaced"


def test_schemas_are_structural() -> None:
    """Every part has a type, nothing refers elsewhere, and only what Kubernetes knows stands in it."""
    for resource in made().of("CustomResourceDefinition"):
        for schema in schemas(resource.at("spec", "versions", 0, "schema", "openAPIV3Schema")):
            assert schema.get("type") in {"object", "array", "string", "integer", "boolean"}, schema
            assert not {"$ref", "$defs", "anyOf", "title", "default"} & set(schema)


def test_every_text_and_list_is_bounded() -> None:
    """An object of unbounded size would be everybody's problem: the watchers keep all of them in memory."""
    for each in KINDS:
        for schema in schemas(structural(each.spec)):
            if schema["type"] == "array":
                assert "maxItems" in schema
            if schema["type"] == "string" and not {"format", "enum"} & set(schema):
                assert "maxLength" in schema


def test_what_usage_writes_is_apart_from_what_people_write() -> None:
    found = {each.at("spec", "names", "kind"): each for each in made().of("CustomResourceDefinition")}
    assert found["ApiKey"].at("spec", "versions", 0, "subresources", "status") == {}
    assert found["Domain"].at("spec", "versions", 0, "subresources", "status") == {}
    assert found["Tenant"].at("spec", "versions", 0, "subresources") is None


@pytest.mark.parametrize(
    "change",
    [
        {"hash": "a" * 63},
        {"hash": "A" * 64},
        {"scope": {}},
        {"scope": {"org": "Acme"}},
        {"scope": {"org": "acme", "agents": []}},
        {"rateLimit": {"requestsPerSecond": 0}},
        {"createdAt": "yesterday"},
        {"revoked": {"at": "2026-01-01T00:00:00Z", "reason": ""}},
    ],
)
def test_wrong_keys_are_refused(change: dict[str, object]) -> None:
    ApiKeySpec.model_validate(KEY)
    with pytest.raises(ValidationError):
        ApiKeySpec.model_validate(KEY | change)


def test_a_newer_key_is_still_read() -> None:
    assert ApiKeySpec.model_validate(KEY | {"colour": "blue"}).scope.org == "acme"


@pytest.mark.parametrize("host", ["Acme.example", "acme", "*.acme.example", "a..b", "-a.b", "a.b/", "a.b:443", ""])
def test_hosts_are_plain_names_in_lower_case(host: str) -> None:
    assert TenantSpec.model_validate({"hosts": ["acme.groundwork.test"]}).suspended is None
    with pytest.raises(ValidationError):
        TenantSpec.model_validate({"hosts": [host]})
    with pytest.raises(ValidationError):
        DomainSpec.model_validate({"host": host, "proof": {"value": "x"}})
