"""Calls of the table filled with a resource's properties."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import jmespath
from botocore.model import StructureShape

from local.aws_plugin.account import Account, CallError
from local.aws_plugin.shapes import Names, UnmappedError, to_api
from local.aws_plugin.table import Call
from local.plugin.errors import PluginError
from local.plugin.values import Json, Object, Unknown

_NAME = re.compile(r"\$\{([A-Za-z_.]+)\}")
_GIVEN_FIRST = ("arn", "region")
_IF = "$if"  # a block with this key is left out where that property is not given
ABSENT: Final = object()


@dataclass(frozen=True)
class Caller:
    """Makes calls for one resource. `words`: what templates may name beside the properties."""

    account: Account
    api: str
    region: str
    names: Names
    words: Mapping[str, Json] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    def fill(self, template: Json, properties: Mapping[str, Json]) -> Json:  # noqa: PLR0911 - one for each form
        """A template with the properties in place; ABSENT for what names something that is not given."""
        if isinstance(template, dict):
            if _IF in template and self._value(template[_IF], properties) is None:
                return ABSENT
            filled = {key: self.fill(value, properties) for key, value in template.items() if key != _IF}
            return {key: value for key, value in filled.items() if value is not ABSENT}
        if isinstance(template, list):
            items = [self.fill(value, properties) for value in template]
            return [item for item in items if item is not ABSENT]
        if not isinstance(template, str) or "$" not in template:
            return template
        if template.startswith("$$"):
            return template[1:]
        if template.startswith("$") and not template.startswith("${"):
            found = self._value(template[1:], properties)
            return ABSENT if found is None else found
        parts = [self._value(name, properties) for name in _NAME.findall(template)]
        if any(isinstance(part, Unknown) for part in parts):
            return next(part for part in parts if isinstance(part, Unknown))
        if any(part is None for part in parts):
            return ABSENT
        return _NAME.sub(lambda match: str(self._value(match[1], properties)), template)

    def _value(self, name: str, properties: Mapping[str, Json]) -> Json:
        if name in self.words and not (name in _GIVEN_FIRST and properties.get(name)):
            word = self.words[name]
            return word() if callable(word) else word
        outer, _, inner = name.partition(".")
        value = properties.get(outer)
        return value.get(inner) if inner and isinstance(value, dict) else value

    def text(self, template: str, properties: Mapping[str, Json]) -> str:
        """A template that must be a text. Raises `PluginError`."""
        found = self.fill(template, properties)
        if not isinstance(found, str):
            raise PluginError(f"{template} needs a property that is not there")
        return found

    def parameters(
        self, call: Call, properties: Mapping[str, Json], fields: Mapping[str, Json] | None = None
    ) -> tuple[str, Object]:
        """An operation and its parameters: the template's, and `fields`, which go where their names say."""
        operation, template = next(iter(call.items()))
        shape = self.account.model(self.api, operation).input_shape
        filled = self.fill(template or {}, properties)
        whole: Object = to_api({**(fields or {}), **filled}, shape, self.names) if shape is not None else {}
        for key, value in filled.items():  # blocks that the template begins and fields go on with
            inner = (fields or {}).get(key)
            if isinstance(inner, dict) and isinstance(value, dict) and shape is not None:
                whole |= to_api({key: {**inner, **value}}, shape, self.names)
        return operation, whole

    def run(self, call: Call, properties: Mapping[str, Json], fields: Mapping[str, Json] | None = None) -> Object:
        """Make the call. Raises `CallError`."""
        operation, parameters = self.parameters(call, properties, fields)
        return self.account.call(self.api, operation, parameters, self.region, self.secrets)

    def complete(self, call: Call, properties: Mapping[str, Json]) -> bool:
        """Whether the properties have all that the operation must be given."""
        operation, parameters = self.parameters(call, properties)
        shape = self.account.model(self.api, operation).input_shape
        return not isinstance(shape, StructureShape) or set(shape.required_members) <= set(parameters)

    def ask(self, call: Call, at: str, properties: Mapping[str, Json], missing: tuple[str, ...]) -> Json:
        """What the call answers at a path (JMESPath); None where there is nothing, or an error that means it."""
        try:
            answer = self.run(call, properties)
        except CallError as error:
            if error.error in missing:
                return None
            raise
        path = self.fill(at, properties)
        return None if path is ABSENT else jmespath.search(path, answer)

    def takes(self, call: Call, name: str) -> bool:
        """Whether an operation has a parameter for a property, its template aside."""
        operation = next(iter(call))
        shape = self.account.model(self.api, operation).input_shape
        return isinstance(shape, StructureShape) and self.names.member(name, shape.members) is not None


def named_in(call: Call | None) -> set[str]:
    """The properties that a call's template names."""
    found: set[str] = set()

    def visit(value: Json) -> None:
        if isinstance(value, dict):
            for item in value.values():
                visit(item)
        elif isinstance(value, list):
            for item in value:
                visit(item)
        elif isinstance(value, str) and value.startswith("$$"):
            return
        elif isinstance(value, str) and value.startswith("$") and not value.startswith("${"):
            found.add(value[1:].partition(".")[0])
        elif isinstance(value, str):
            found.update(name.partition(".")[0] for name in _NAME.findall(value))

    visit(next(iter(call.values())) if call else None)
    return found


def inside(call: Call | None) -> dict[str, set[str]]:
    """The properties of which a template names members alone (`$healthCheck.path`), and which of them."""
    found: dict[str, set[str]] = {}

    def visit(value: Json) -> None:
        if isinstance(value, dict | list):
            for item in value.values() if isinstance(value, dict) else value:
                visit(item)
        elif isinstance(value, str) and value.startswith("$") and value[1:2] not in "${":
            name, _, member = value[1:].partition(".")
            if member:
                found.setdefault(name, set()).add(member)

    visit(next(iter(call.values())) if call else None)
    return found


def whole_in(call: Call | None) -> set[str]:
    """The properties that a template names as a whole."""
    return named_in(call) - set(inside(call)) | {name for name in named_in(call) if _names_whole(call, name)}


def _names_whole(value: Json, name: str) -> bool:
    if isinstance(value, dict):
        return any(_names_whole(item, name) for item in value.values())
    if isinstance(value, list):
        return any(_names_whole(item, name) for item in value)
    return bool(value == f"${name}")


Word = Callable[[], str]
__all__ = ["ABSENT", "Caller", "UnmappedError", "Word", "inside", "named_in", "whole_in"]
