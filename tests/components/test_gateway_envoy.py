"""What Envoy is told, held to Envoy's own schemas: a field that it does not know would leave the gateway as it was."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.json_format import ParseDict, ParseError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from components.gateway import edge
from components.gateway.edge import Config, Limits
from components.gateway.filters import gateway_filter, tenant_filter
from tests.components.recording import at

_SCHEMAS = (
    "access_loggers.stream.v3.stream",
    "filters.http.buffer.v3.buffer",
    "filters.http.ext_authz.v3.ext_authz",
    "filters.http.header_mutation.v3.header_mutation",
    "filters.http.local_ratelimit.v3.local_rate_limit",
    "filters.http.ratelimit.v3.rate_limit",
    "filters.network.http_connection_manager.v3.http_connection_manager",
    "http.early_header_mutation.header_mutation.v3.header_mutation",
)


def typed(value: JsonValue) -> Iterator[Config]:
    """Every part that names its schema."""
    if isinstance(value, dict):
        if "@type" in value:
            yield value
        for part in value.values():
            yield from typed(part)
    elif isinstance(value, list):
        for part in value:
            yield from typed(part)


def check(spec: Config) -> int:
    """How many typed parts there are, each parsed by its schema. Raises ParseError."""
    for schema in _SCHEMAS:
        importlib.import_module(f"envoy.extensions.{schema}_pb2")
    parts = list(typed(spec))
    for part in parts:
        ParseDict(part, AnyMessage())
    return len(parts)


@given(
    body=st.integers(1, 2**31),
    header_kib=st.integers(1, 8192),
    wait=st.floats(0.001, 3600, allow_nan=False),
    idle=st.integers(1, 86_400),
)
def test_every_field_is_one_of_envoys(body: int, header_kib: int, wait: float, idle: int) -> None:
    limits = Limits(
        body_bytes=body, header_kib=header_kib, authorization_seconds=round(wait, 3), stream_idle_seconds=idle
    )
    assert check(gateway_filter(limits)) > len(_SCHEMAS) - 2


@given(st.integers(1, 1_000_000))
def test_a_bucket_is_one_of_envoys_and_larger_than_the_limit(limit: int) -> None:
    spec = tenant_filter(["a.example.com"], "gateways/own", limit)
    assert check(spec) == 2
    tokens = at(edge.tenant_bucket(limit), "token_bucket", "tokens_per_fill")
    assert isinstance(tokens, int)
    assert limit < tokens <= max(limit + 1, 1.1 * limit)


def test_no_bucket_is_one_of_envoys_too() -> None:
    assert check(tenant_filter(["a.example.com"], "gateways/own", None)) == 2


def test_an_unknown_field_would_be_found() -> None:
    wrong = edge.tenant_bucket(1) | {"token_buckets": {}}
    with pytest.raises(ParseError, match="token_buckets"):
        check({"value": wrong})


def test_limits_reach_envoy() -> None:
    config = at(edge.connection_manager(replace(Limits(), header_kib=7, headers=9)), "typed_config")
    assert at(config, "max_request_headers_kb") == 7
    assert at(config, "common_http_protocol_options", "max_headers_count") == 9
