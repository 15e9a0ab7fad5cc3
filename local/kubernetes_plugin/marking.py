"""What is secret in a Kubernetes object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from local.plugin import values
from local.plugin.values import Json, Object


def mark_secrets(outputs: Object, inputs: Mapping[str, Json]) -> Object:
    """`outputs` with everything marked that was secret in `inputs`, and all data of a Kubernetes `Secret`."""
    return values.mark_secrets(outputs, inputs, _data)


def _data(obj: Object) -> Iterable[str]:
    return ("data", "stringData") if obj.get("kind") == "Secret" else ()
