"""One form for inputs that mean the same to the API server, so that they make no difference to a diff."""

from __future__ import annotations

import base64
import binascii
import re
from decimal import Decimal
from typing import Final

from local.kubernetes_plugin.objects import GVK, is_crd, pluck
from local.plugin.values import Json, Object, has_unknown

_READ_ONLY_METADATA: Final = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "resourceVersion",
        "uid",
    }
)
# Keys of maps whose values are resource quantities, in every built-in kind.
_QUANTITY_MAPS: Final = frozenset(
    {"limits", "requests", "capacity", "allocatable", "hard", "podFixed", "default", "defaultRequest", "max", "min"}
)
# Maps and lists that are the same as nothing when they are empty.
_NOTHING_IF_EMPTY: Final = frozenset(
    {
        "annotations",
        "args",
        "binaryData",
        "command",
        "data",
        "env",
        "envFrom",
        "finalizers",
        "imagePullSecrets",
        "initContainers",
        "labels",
        "matchLabels",
        "nodeSelector",
        "ownerReferences",
        "tolerations",
        "volumeMounts",
        "volumes",
    }
)
_QUANTITY_FIELDS: Final = frozenset({"sizeLimit", "averageValue"})
_QUANTITY: Final = re.compile(r"^([+-]?[0-9]+(?:\.[0-9]*)?|[+-]?\.[0-9]+)((?:[KMGTPE]i)|[numkMGTPE]|[eE][+-]?[0-9]+)?$")
_DECIMAL: Final = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY: Final = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def normalize(obj: Object) -> Object:
    """The inputs as the API server would store them; a copy. Inputs with unknown parts only lose read-only metadata."""
    if GVK.of(obj).built_in and not has_unknown(obj):
        obj = _normalize_known(obj)
    metadata = obj.get("metadata")
    if isinstance(metadata, dict):
        obj = {**obj, "metadata": {key: value for key, value in metadata.items() if key not in _READ_ONLY_METADATA}}
    return obj


def _normalize_known(obj: Object) -> Object:
    if is_crd(obj):
        return _normalize_crd(obj)
    if obj.get("kind") == "Secret" and GVK.of(obj).group == "":
        return _normalize_secret(obj)
    walked = {key: value if key in {"data", "binaryData"} else _walk(value, key) for key, value in obj.items()}
    return _without_empty(walked)


def _normalize_crd(obj: Object) -> Object:
    obj = {key: value for key, value in obj.items() if key != "status"}
    if pluck(obj, "spec", "preserveUnknownFields") is False:
        obj["spec"] = {key: value for key, value in obj["spec"].items() if key != "preserveUnknownFields"}
    return obj


def _normalize_secret(obj: Object) -> Object:
    text = obj.get("stringData")
    data = obj.get("data")
    if isinstance(text, dict) and text:
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in text.items()}
        rest = {key: value for key, value in obj.items() if key != "stringData"}
        return {**rest, "data": {**(data if isinstance(data, dict) else {}), **encoded}}
    if isinstance(data, dict):
        return {**obj, "data": {key: _same_base64(value) for key, value in data.items()}}
    return obj


def _same_base64(value: Json) -> Json:
    """Base64 without white space; what is no base64 stays for the API server to refuse."""
    if not isinstance(value, str):
        return value
    try:
        return base64.b64encode(base64.b64decode("".join(value.split()), validate=True)).decode()
    except binascii.Error:
        return value


def _walk(value: Json, key: str) -> Json:
    if isinstance(value, dict):
        if key in _QUANTITY_MAPS and all(_is_quantity(item) for item in value.values()):
            return {name: quantity(item) for name, item in value.items()}
        return _without_empty({name: _walk(item, name) for name, item in value.items()})
    if isinstance(value, list):
        return [_walk(item, "") for item in value]
    return quantity(value) if key in _QUANTITY_FIELDS and _is_quantity(value) else value


def _without_empty(value: Object) -> Object:
    return {key: item for key, item in value.items() if item not in ({}, []) or key not in _NOTHING_IF_EMPTY}


def _is_quantity(value: Json) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (isinstance(value, str) and _QUANTITY.match(value) is not None)


def quantity(value: str | float) -> str:
    """A resource quantity in Kubernetes' canonical form: no fraction, the largest suffix that allows that.

    >>> quantity("1024Mi"), quantity("0.5"), quantity(1), quantity("1500m")
    ('1Gi', '500m', '1', '1500m')
    """
    match = _QUANTITY.match(str(value))
    if match is None:
        return str(value)
    number, suffix = Decimal(match[1]), match[2] or ""
    if suffix in _BINARY:
        amount = number * 1024 ** _BINARY[suffix]
        if amount == amount.to_integral_value() and abs(amount) >= 1024:
            return _binary(int(amount))
        suffix, number = "", amount
    if suffix[:1] in {"e", "E"} and len(suffix) > 1:
        return str(value)
    return _decimal(number.scaleb(_DECIMAL[suffix]))


def _binary(amount: int) -> str:
    suffix = ""
    for name in _BINARY:
        if amount % 1024:
            break
        amount, suffix = amount // 1024, name
    return f"{amount}{suffix}"


def _decimal(amount: Decimal) -> str:
    if amount == 0:
        return "0"
    for name, power in reversed(_DECIMAL.items()):
        scaled = amount.scaleb(-power)
        if scaled == scaled.to_integral_value():
            return f"{int(scaled)}{name}"
    return str(amount)
