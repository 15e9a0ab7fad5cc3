"""Field managers: which of an object's fields belong to whom (`metadata.managedFields`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from local.plugin.values import Object

# Who may have written an object before this plugin applied it: plain writes of Pulumi and of `kubectl`.
_PREDECESSORS: Final = (
    ("kubectl", "Apply"),
    ("kubectl", "Update"),
    ("before-first-apply", "Update"),
    ("pulumi-kubernetes", "Update"),
    ("pulumi-resource-kubernetes", "Update"),
)


def _precedes(entry: Object) -> bool:
    manager, operation = str(entry.get("manager", "")), entry.get("operation")
    if entry.get("subresource"):
        return False
    return any(manager.startswith(prefix) and operation == kind for prefix, kind in _PREDECESSORS)


def adopt_fields(entries: Sequence[Object], manager: str) -> list[Object] | None:
    """The entries with the fields of predecessors handed to `manager`; None if there is nothing to hand over."""
    predecessors = [entry for entry in entries if _precedes(entry)]
    if not predecessors:
        return None
    own = [entry for entry in entries if entry.get("manager") == manager and entry.get("operation") == "Apply"]
    rest = [entry for entry in entries if entry not in predecessors and entry not in own]
    merged: Object = {}
    for entry in [*own, *predecessors]:
        merged = _union(merged, entry.get("fieldsV1") or {})
    adopted = {**(own or predecessors)[0], "manager": manager, "operation": "Apply", "fieldsV1": merged}
    return [*rest, adopted]


def _union(left: Object, right: Object) -> Object:
    joined = dict(left)
    for key, value in right.items():
        joined[key] = _union(joined[key], value) if isinstance(joined.get(key), dict) else value
    return joined


def manages(entry: Object, path: Sequence[str]) -> bool:
    """Whether the entry names the field at `path` or something in it."""
    fields = entry.get("fieldsV1") or {}
    for part in path:
        fields = fields.get(f"f:{part}")
        if fields is None:
            return False
    return True
