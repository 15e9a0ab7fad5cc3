"""Property values on the wire: JSON in a protobuf `Struct`, with marks for secrets, unknowns, assets and references.

In memory a value is plain JSON (`None`, `bool`, `int`, `float`, `str`, `list`, `dict`), `Secret(value)` or `UNKNOWN`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from google.protobuf import struct_pb2

# Free-form JSON: properties have as many shapes as there are types.
Json: TypeAlias = Any
Object: TypeAlias = dict[str, Json]

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the protocol's mark of a secret, not one
ASSET: Final = "c44067f5952c0a294b673a41bacd8c17"
RESOURCE_REFERENCE: Final = "5cf8f73096256a8f31e491e813e4eb8e"
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_TOKEN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # noqa: S105 - the protocol's mark of an unknown


class Unknown:
    """A value that the engine learns only when it applies the program."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, memo: object) -> Unknown:
        return self


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Secret:
    """A value that must be encrypted wherever it is stored."""

    value: Json


def decode(struct: struct_pb2.Struct) -> Object:
    """A `Struct` as JSON; keys whose value is null are left out, as the engine means nothing by them."""
    return {key: _decode(value) for key, value in struct.fields.items() if value.WhichOneof("kind") != "null_value"}


def _decode(value: struct_pb2.Value) -> Json:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _decode_marked(decode(value.struct_value))
    if kind == "list_value":
        return [_decode(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return UNKNOWN if value.string_value == UNKNOWN_TOKEN else value.string_value
    return value.bool_value if kind == "bool_value" else None


def _decode_marked(value: Object) -> Json:
    mark = value.get(SIGNATURE)
    if mark == SECRET:
        return Secret(value.get("value"))
    if mark == OUTPUT:
        inner = value.get("value", UNKNOWN)
        return Secret(inner) if value.get("secret") else inner
    return value


def encode(value: Mapping[str, Json]) -> struct_pb2.Struct:
    """JSON as a `Struct`, with secrets and unknowns marked."""
    struct = struct_pb2.Struct()
    for key, item in value.items():
        _encode(item, struct.fields[key])
    return struct


def _encode(value: Json, into: struct_pb2.Value) -> None:
    if value is None:
        into.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int | float):
        into.number_value = value
    elif isinstance(value, str):
        into.string_value = value
    elif isinstance(value, Unknown):
        into.string_value = UNKNOWN_TOKEN
    elif isinstance(value, Secret):
        into.struct_value.CopyFrom(encode({SIGNATURE: SECRET, "value": value.value}))
    elif isinstance(value, dict):
        into.struct_value.CopyFrom(encode(value))
    else:
        into.list_value.SetInParent()
        for item in value:
            _encode(item, into.list_value.values.add())


def plain(value: Json) -> Json:
    """The same value with no secret marks (a copy: changing it leaves the original alone)."""
    if isinstance(value, Secret):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def _children(value: Json) -> Iterable[Json]:
    if isinstance(value, Secret):
        return (value.value,)
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def has_unknown(value: Json) -> bool:
    """Whether some part of the value is not known yet."""
    return isinstance(value, Unknown) or any(has_unknown(child) for child in _children(value))


def has_secret(value: Json) -> bool:
    """Whether some part of the value is marked secret."""
    return isinstance(value, Secret) or any(has_secret(child) for child in _children(value))


def _nothing(_outputs: Object) -> Iterable[str]:
    return ()


def mark_secrets(
    outputs: Object, inputs: Mapping[str, Json], always: Callable[[Object], Iterable[str]] = _nothing
) -> Object:
    """`outputs` with everything marked that was secret in `inputs`. `always`: keys of an object that are secret anyway.

    Objects are walked side by side. A list with one secret in it becomes secret as a whole, because the service may
    reorder it.
    """
    result = dict(outputs)
    for key in always(outputs):
        if key in result:
            result[key] = Secret(plain(result[key]))
    for key, given in inputs.items():
        if key not in result:
            continue
        if isinstance(result[key], dict) and isinstance(given, dict):
            result[key] = mark_secrets(result[key], given, always)
        elif has_secret(given) and not isinstance(result[key], Secret):
            result[key] = Secret(result[key])
    return result
