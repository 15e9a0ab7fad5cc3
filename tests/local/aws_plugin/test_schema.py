"""What a type's properties are: kept from one run to the next, and the same as the SDK says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.aws_plugin import schema
from local.aws_plugin.schema import Form, schema_of
from local.plugin.errors import PluginError

TOPIC = "aws:sns/topic:Topic"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    schema_of.cache_clear()
    yield tmp_path
    schema_of.cache_clear()


def _no_sdk(token: str) -> tuple[type, type]:
    raise AssertionError(f"the SDK is asked for {token}")


def test_the_second_run_needs_no_sdk_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    first = schema_of(TOPIC)
    schema_of.cache_clear()
    monkeypatch.setattr(schema, "_classes", _no_sdk)
    second = schema_of(TOPIC)
    assert second == first
    assert {"name", "kmsMasterKeyId", "tags"} <= second.inputs
    assert schema_of(TOPIC) is second


def test_kinds_come_from_the_sdk_also_where_names_were_kept() -> None:
    schema_of(TOPIC)
    schema_of.cache_clear()
    assert schema_of(TOPIC).outputs["arn"].form is Form.TEXT


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"inputs": ["name"]}', '{"inputs": 1, "required": []}', "null"])
def test_what_was_not_written_there_is_read_again(cache: Path, text: str) -> None:
    whole = schema_of(TOPIC)
    (file,) = cache.rglob("*.json")
    file.write_text(text, "utf-8")
    schema_of.cache_clear()
    assert schema_of(TOPIC) == whole
    schema_of.cache_clear()
    assert len(file.read_text("utf-8")) > len(text)


def test_a_cache_that_cannot_be_written_costs_time_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    whole = schema_of(TOPIC)
    schema_of.cache_clear()
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert schema_of(TOPIC) == whole


def test_an_unknown_type_is_refused_and_not_kept(cache: Path) -> None:
    for _ in range(2):
        with pytest.raises(PluginError, match="has no type aws:sns/nothing:Nothing"):
            schema_of("aws:sns/nothing:Nothing")
    assert not list(cache.rglob("*.json"))
