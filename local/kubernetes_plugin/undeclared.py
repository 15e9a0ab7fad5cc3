"""Fields that a kind does not have: the API server ignores them in a new object, and refuses them in an apply."""

from __future__ import annotations

import copy
import json
import re
from typing import Final

from local.plugin.values import Json, Object

_FIELD: Final = re.compile(r"(\.\S+?): field not declared in schema")
_PART: Final = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<item>[^\]]+)\]")


def undeclared(message: str) -> list[str]:
    """The paths of unknown fields that the API server names in a refusal."""
    return _FIELD.findall(message)


def without(obj: Object, paths: list[str]) -> Object:
    """A copy of the object that lacks these fields; a path that leads nowhere is left out."""
    obj = copy.deepcopy(obj)
    for path in paths:
        parts = [match["key"] or match["item"] for match in _PART.finditer(path)]
        parent = _follow(obj, parts[:-1])
        if isinstance(parent, dict):
            parent.pop(parts[-1], None)
    return obj


def _follow(value: Json, parts: list[str]) -> Json:
    for part in parts:
        value = value.get(part) if isinstance(value, dict) else _item(value, part)
    return value


def _item(items: Json, part: str) -> Json:
    """An item of a list by its index, or by its keys as in `name="c"` or `port=80,protocol="TCP"`."""
    if not isinstance(items, list):
        return None
    if part.isdigit():
        return items[int(part)] if int(part) < len(items) else None
    wanted = [pair.partition("=") for pair in part.split(",")]
    keys = {key: _literal(text) for key, _, text in wanted}
    return next((item for item in items if isinstance(item, dict) and keys.items() <= item.items()), None)


def _literal(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text
