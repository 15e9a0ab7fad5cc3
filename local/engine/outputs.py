"""A stack's outputs, as its state has them: who has the state need not ask the engine twice more."""

from __future__ import annotations

from collections.abc import Mapping

from local.engine.report import STACK
from local.plugin.values import SECRET, SIGNATURE


def public(deployment: Mapping[str, object]) -> Mapping[str, object]:
    """The outputs of an exported state without those that are secret or have a secret in them."""
    rows = deployment.get("resources")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, Mapping) and row.get("type") == STACK:
            found = row.get("outputs")
            return {
                str(name): value
                for name, value in (found.items() if isinstance(found, Mapping) else ())
                if not _has_secret(value)
            }
    return {}


def _has_secret(value: object) -> bool:
    match value:
        case Mapping():
            return value.get(SIGNATURE) == SECRET or any(map(_has_secret, value.values()))
        case list():
            return any(map(_has_secret, value))
    return False
