from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.units import (
    HostPort,
    address_of,
    format_bytes,
    format_cpu,
    format_duration,
    is_by_digest,
    parse_address,
    parse_bytes,
    parse_cpu,
    parse_duration,
)

DIGEST = "sha256:" + "0" * 64


@given(st.integers(0, 365 * 86_400_000))
def test_every_duration_is_read_back(milliseconds: int) -> None:
    value = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(value)) == value


@given(st.integers(1, 1_000_000))
def test_every_amount_of_cpu_is_read_back(milli: int) -> None:
    assert parse_cpu(format_cpu(milli)) == milli


@given(st.integers(1, 2**50))
def test_every_amount_of_bytes_is_read_back(amount: int) -> None:
    assert parse_bytes(format_bytes(amount)) == amount


@given(st.integers(1, 1023), st.sampled_from(["Ki", "Mi", "Gi", "Ti"]))
def test_the_usual_spelling_of_bytes_is_kept(count: int, unit: str) -> None:
    assert format_bytes(parse_bytes(f"{count}{unit}")) == f"{count}{unit}"


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("20ms", 20), ("10s", 10_000), ("5m", 300_000), ("1h", 3_600_000), ("30d", 2_592_000_000)],
)
def test_durations(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize(
    "value", ["", "20", 20, "20 ms", "-1s", "1.5s", "1w", "20MS", "1h30m", "366d", None, True, "9" * 40 + "s"]
)
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(value)


@pytest.mark.parametrize(
    ("value", "milli"), [("250m", 250), ("0.5", 500), (0.5, 500), (2, 2000), ("2", 2000), ("0.001", 1)]
)
def test_cpu(value: object, milli: int) -> None:
    assert parse_cpu(value) == milli


@pytest.mark.parametrize("value", ["", "0", 0, -1, "-1", "1.5m", "0.0001", "1k", True, None, "1001", "1e3"])
def test_what_is_no_cpu_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not an amount of CPU"):
        parse_cpu(value)


@pytest.mark.parametrize(
    ("value", "amount"), [("256Mi", 2**28), ("1G", 10**9), ("1.5Gi", 3 * 2**29), (1024, 1024), ("1k", 1000)]
)
def test_bytes(value: object, amount: int) -> None:
    assert parse_bytes(value) == amount


@pytest.mark.parametrize("value", ["", "0", 0, -1, "256MB", "256mi", "1.5", "1.0001Gi", True, None, "2000Ti", "1e9"])
def test_what_is_no_amount_of_bytes_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not an amount of bytes"):
        parse_bytes(value)


def test_addresses() -> None:
    assert parse_address("models.example.com:443") == HostPort("models.example.com", 443)
    assert str(parse_address("10.0.0.1:8080")) == "10.0.0.1:8080"


@pytest.mark.parametrize(
    "value", ["", "example.com", ":443", "example.com:", "example.com:0", "example.com:65536", "https://example.com:443",
              "EXAMPLE.com:1", "a b:1", "*.example.com:443", 443, None]
)  # fmt: skip
def test_what_is_no_address_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        parse_address(value)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://models.example.com/v1", HostPort("models.example.com", 443)),
        ("http://llm.models.svc", HostPort("llm.models.svc", 80)),
        ("http://127.0.0.1:11434/v1", HostPort("127.0.0.1", 11434)),
    ],
)
def test_where_a_url_is_served(url: str, address: HostPort) -> None:
    assert address_of(url) == address


def test_only_a_digest_names_one_image() -> None:
    assert is_by_digest(f"localhost/groundwork/agent-runtime@{DIGEST}")
    assert is_by_digest(f"registry.example.com:5000/a@{DIGEST}")
    for reference in ("agent-runtime", "agent-runtime:1", f"a@{DIGEST[:-1]}", f"@{DIGEST}", f"a@{DIGEST}x"):
        assert not is_by_digest(reference)
