"""What changed between the live object (in the shape of the old inputs) and the new inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from local.kubernetes_plugin.replacing import Pattern, forces
from local.plugin.diffing import Difference, Path, covers, walk
from local.plugin.values import Json, Object, plain

# CRD schemas travel with underscores, because program languages cannot write dashes in names.
DASHED: Final = {
    f"x_kubernetes_{name}": f"x-kubernetes-{name.replace('_', '-')}"
    for name in (
        "embedded_resource",
        "int_or_string",
        "list_map_keys",
        "list_type",
        "map_type",
        "preserve_unknown_fields",
        "validations",
    )
}
_UNDERSCORED: Final = {dashed: underscored for underscored, dashed in DASHED.items()}


def compare(old: Object, new: Object, patterns: Sequence[Pattern], ignored: Sequence[Path] = ()) -> list[Difference]:
    """Every changed property, without those under an ignored path."""
    return [
        Difference(path, change, forces(patterns, path, value))
        for path, change, value in walk((), old, new)
        if not any(covers(outer, path) for outer in ignored)
    ]


def rename_keys(value: Json, names: dict[str, str]) -> Json:
    """A copy with some keys renamed at every depth."""
    if isinstance(value, dict):
        return {names.get(key, key): rename_keys(item, names) for key, item in value.items()}
    return [rename_keys(item, names) for item in value] if isinstance(value, list) else value


def to_object(properties: Object) -> Object:
    """Properties as the Kubernetes object they describe: no secret marks, CRD keywords with dashes."""
    result: Object = rename_keys(plain(properties), DASHED)
    return result


def to_properties(obj: Object) -> Object:
    """A Kubernetes object as properties: CRD keywords with underscores."""
    result: Object = rename_keys(obj, _UNDERSCORED)
    return result
