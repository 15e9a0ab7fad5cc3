"""Properties as an API's parameters and back, by the API's own description of its shapes (botocore's service models).

A property goes to the member of the same name, whatever the case, in the singular or the plural; a table names the
rest. Nothing is left out silently: a property that fits nowhere is an error with its path.
"""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache

from botocore.model import ListShape, MapShape, Shape, StructureShape

from local.aws_plugin.schema import ANY, Form, Kind
from local.plugin.errors import PluginError
from local.plugin.values import Json, Object, Unknown


class UnmappedError(PluginError):
    """A property that no parameter of the API stands for."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


@cache
def plain_name(name: str) -> str:
    """A name without case and punctuation: `vpcId`, `VpcId` and `vpc_id` are one."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


@cache
def _stem(name: str) -> str:
    """The name in the singular, roughly: only ever compared with another such."""
    text = plain_name(name)
    if text.endswith("ies"):
        return f"{text[:-3]}y"
    if text.endswith(("sses", "xes", "ches")):
        return text[:-2]
    return text[:-1] if text.endswith("s") and not text.endswith("ss") else text


def find(name: str, among: Iterable[str], prefix: str = "") -> str | None:
    """The one of `among` that means `name`; with `prefix`, the one that names the type too: `name` in `RoleName`."""
    candidates = list(among)
    for wanted, form in ((name, plain_name), (name, _stem), (prefix + name, plain_name)):
        for candidate in candidates:
            if form(candidate) == form(wanted):
                return candidate
    return None


@dataclass(frozen=True)
class Names:
    """How a type's properties are called in the API. `renamed`: path of a property → member's name.

    `prefix`: the type's own word, that the API puts before names; `values`: path → property's value → API's value.
    `documents`: paths whose text is a JSON document that the API takes as a structure.
    """

    prefix: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    documents: frozenset[str] = frozenset()

    def member(self, path: str, among: Iterable[str]) -> str | None:
        """The API's name for the property at `path` (dotted, no indexes); None where it has none."""
        if path in self.renamed:
            return self.renamed[path] if self.renamed[path] in among else None
        outer, _, name = path.rpartition(".")
        return find(name, among, "" if outer else self.prefix)


def to_api(value: Json, shape: Shape, names: Names, path: str = "") -> Json:
    """A property's value as a parameter of `shape`. Raises `UnmappedError`; unknown values stay what they are."""
    if isinstance(value, Unknown) or value is None:
        return value
    if path in names.documents and isinstance(value, str):
        value = json.loads(value)
    if path in names.values:
        value = _translated(value, names.values[path])
    if isinstance(shape, StructureShape):
        return _structure(value, shape, names, path)
    if isinstance(shape, ListShape):
        return _list(value, shape, names, path)
    if isinstance(shape, MapShape):
        return {key: to_api(item, shape.value, names, path) for key, item in _object(value, path).items()}
    return _scalar(value, shape.type_name)


def _translated(value: Json, values: Mapping[str, str]) -> Json:
    if isinstance(value, list):
        return [_translated(item, values) for item in value]
    return values.get(str(value).lower() if isinstance(value, bool) else str(value), value)


def _structure(value: Json, shape: StructureShape, names: Names, path: str) -> Json:
    if isinstance(value, list):
        if len(value) > 1:
            raise PluginError(f"{path}: one block at most")
        value = value[0] if value else {}
    if not isinstance(value, dict):
        if set(shape.members) == {"Value"}:  # EC2's way to tell "false" from "not given"
            return {"Value": to_api(value, shape.members["Value"], names, path)}
        if "Key" in shape.members:  # a tag to be taken away
            return {"Key": value}
        raise PluginError(f"{path}: a block was expected")
    found: Object = {}
    for key, item in value.items():
        inner = f"{path}.{key}" if path else key
        member = key if key in shape.members and inner not in names.renamed else names.member(inner, shape.members)
        if member is None:
            raise UnmappedError(inner)
        if item is not None:
            found[member] = to_api(item, shape.members[member], names, inner)
    return found


def _list(value: Json, shape: ListShape, names: Names, path: str) -> Json:
    if isinstance(value, list):
        return [to_api(item, shape.member, names, path) for item in value]
    pair = _pair(shape.member)
    if pair is not None and isinstance(value, dict) and not set(value) <= set(pair):
        inner = shape.member.members[pair[1]]
        return [{pair[0]: key, pair[1]: to_api(item, inner, names, path)} for key, item in value.items()]
    if pair is not None and value == {}:
        return []
    return [to_api(value, shape.member, names, path)]


def _pair(shape: Shape) -> tuple[str, str] | None:
    """The two members of a structure that stands for one entry of a map, such as a tag."""
    members = shape.members if isinstance(shape, StructureShape) else {}
    for pair in (("Key", "Value"), ("key", "value"), ("TagKey", "TagValue"), ("Name", "Value"), ("name", "value")):
        if set(pair) == set(members):
            return pair
    return None


def _object(value: Json, path: str) -> Object:
    if not isinstance(value, dict):
        raise PluginError(f"{path}: a map was expected")
    return value


def _scalar(value: Json, kind: str) -> Json:
    if isinstance(value, dict | list):
        return json.dumps(value)
    if kind == "string":
        return str(value).lower() if isinstance(value, bool) else str(value)
    if kind == "boolean" and isinstance(value, str):
        return value.lower() == "true"
    if kind in ("integer", "long") and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    if kind in ("double", "float") and isinstance(value, str):
        return float(value)
    return value


def from_api(value: Json, kind: Kind, names: Names, path: str = "") -> Json:
    """What the API answered as a property of `kind`; members that the type has no property for are left out."""
    if path in names.values:
        back = {after: before for before, after in names.values[path].items()}
        value = _translated(value, back)
    if path in names.documents and not isinstance(value, str):
        return json.dumps(value, default=str)
    match kind.form:
        case Form.OBJECT:
            return _members(value, kind, names, path)
        case Form.LIST:
            rows = value if isinstance(value, list) else [value]
            return [from_api(row, kind.item or ANY, names, path) for row in rows]
        case Form.MAP:
            return as_map(value)
        case _:
            return _plain(value, kind.form)


def _members(value: Json, kind: Kind, names: Names, path: str) -> Json:
    if isinstance(value, list):
        value = value[0] if value else {}
    if not isinstance(value, dict):
        return value
    found: Object = {}
    for name, inner in kind.members.items():
        at = f"{path}.{name}" if path else name
        member = names.member(at, value)
        if member is not None and value[member] is not None:
            found[name] = from_api(value[member], inner, names, at)
    return found


def as_map(value: Json) -> Json:
    """A list of keys with values, in any of the APIs' ways, as a map."""
    if not isinstance(value, list):
        return value
    found: Object = {}
    for row in value:
        key, item = find("key", row) or find("name", row) or find("tagKey", row), find("value", row, "tag")
        if key is not None:
            found[row[key]] = row[item] if item is not None else ""
    return found


def _plain(value: Json, form: Form) -> Json:  # noqa: PLR0911 - one for each form
    if isinstance(value, dict) and set(value) == {"Value"}:
        value = value["Value"]
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if form is Form.TEXT and isinstance(value, bool | int | float):
        return str(value).lower() if isinstance(value, bool) else str(value)
    if form is Form.TEXT and isinstance(value, dict | list):
        return json.dumps(value, default=str)
    if form is Form.FLAG and isinstance(value, str):
        return value.lower() in ("true", "enabled")
    if form is Form.NUMBER and isinstance(value, str):
        return float(value) if "." in value else int(value)
    return value
