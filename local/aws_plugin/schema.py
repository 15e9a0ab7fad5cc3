"""What a type's properties are, read off the vendor's typed SDK: names, kinds, and which must be given.

Loading the SDK's modules takes two seconds where many types are used (docs/performance.md). So the names that a check
needs are kept in the user's cache, for each version of the SDK; kinds are asked of it when they are needed.
"""

from __future__ import annotations

import inspect
import json
import keyword
import threading
import types
import typing
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from pulumi import _types as sdk

from groundwork.files import write_atomically
from local.paths import Paths
from local.plugin.errors import PluginError


class Form(Enum):
    """The shapes a property can have."""

    TEXT = "text"
    NUMBER = "number"
    FLAG = "flag"
    LIST = "list"
    MAP = "map"
    OBJECT = "object"
    ANY = "any"


@dataclass(frozen=True)
class Kind:
    """A property's shape. `item`: of a list's or map's items; `source`: the SDK's class of an object."""

    form: Form
    item: Kind | None = None
    source: type | None = None

    @property
    def members(self) -> Mapping[str, Kind]:
        """An object's properties."""
        return _members(self.source) if self.source is not None else {}


ANY = Kind(Form.ANY)
# The SDK's modules load when they are first asked for something, which two threads must not do at once.
_LOADING = threading.RLock()
_SCALARS = {str: Kind(Form.TEXT), bool: Kind(Form.FLAG), int: Kind(Form.NUMBER), float: Kind(Form.NUMBER)}


@dataclass(frozen=True)
class Schema:
    """A resource type. `inputs`: what a program may give; `required`: what it must."""

    token: str
    inputs: frozenset[str]
    required: frozenset[str]

    @cached_property
    def outputs(self) -> Mapping[str, Kind]:
        """All that a program can read, the inputs too. Loads the SDK's module of the type."""
        return _outputs(self.token)


@cache
def schema_of(token: str) -> Schema:
    """The schema of `aws:<module>/<name>:<Class>`. Raises `PluginError` for a type that the SDK does not have."""
    file = _kept(token)
    try:
        names: dict[str, list[str]] = json.loads(file.read_text("utf-8"))
        return Schema(token, frozenset(names["inputs"]), frozenset(names["required"]))
    except (OSError, ValueError, LookupError, TypeError):
        pass  # not there, or not what was written there: the SDK knows
    schema = _read(token)
    names = {"inputs": sorted(schema.inputs), "required": sorted(schema.required)}
    with suppress(OSError):  # a folder that cannot be written costs time alone
        write_atomically(file, json.dumps(names))
    return schema


def _kept(token: str) -> Path:
    name = token.replace(":", ".").replace("/", ".")
    return Paths.for_user().cache / "aws-schema" / version("pulumi_aws") / f"{name}.json"


def _read(token: str) -> Schema:
    with _LOADING:
        _, arguments = _classes(token)
        names = sdk.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments).parameters
    required = {names[key] for key, value in parameters.items() if key in names and value.default is value.empty}
    return Schema(token, frozenset(names.values()), frozenset(required))


@cache
def _outputs(token: str) -> Mapping[str, Kind]:
    with _LOADING:
        resource, _ = _classes(token)
        return {name: _kind(hint) for name, hint in sdk.resource_types(resource).items()}


def _classes(token: str) -> tuple[type, type]:
    module, _, name = token.removeprefix("aws:").rpartition(":")
    package = module.partition("/")[0]
    package += "_" if keyword.iskeyword(package) else ""  # aws:lambda
    try:
        found = import_module(f"pulumi_aws.{package}" if package != "index" else "pulumi_aws")
        resource = getattr(found, name)
        beside = import_module(resource.__module__)
        # Where a block has the name of the type's arguments, those have a longer one.
        return resource, getattr(beside, f"{name}InitArgs", None) or getattr(beside, f"{name}Args")
    except (ImportError, AttributeError):
        raise PluginError(f"the SDK pulumi_aws has no type {token}") from None


def _kind(hint: object) -> Kind:
    if isinstance(hint, type) and hint in _SCALARS:
        return _SCALARS[hint]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        known = [argument for argument in arguments if argument is not type(None)]
        return _kind(known[0]) if len(known) == 1 else ANY
    if origin in (list, Sequence):
        return Kind(Form.LIST, _kind(arguments[0]))
    if origin in (dict, Mapping):
        return Kind(Form.MAP, _kind(arguments[1]))
    if isinstance(hint, type) and sdk.is_output_type(hint):
        return Kind(Form.OBJECT, source=hint)
    return ANY


# When asked for: a firewall's statements nest in each other through thousands of classes.
@cache
def _members(hint: type) -> Mapping[str, Kind]:
    return {name: _kind(inner) for name, inner in sdk.output_type_types(hint).items()}
