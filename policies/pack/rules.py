"""All policies: whatever stands in this folder's files as `RULE`."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from policies.rule import Rule

_FOLDERS = ("policies.pack.kubernetes", "policies.pack.aws")


@cache
def rules() -> tuple[Rule, ...]:
    """Every policy, by its id."""
    found: list[Rule] = []
    for folder in _FOLDERS:
        for module in pkgutil.iter_modules(importlib.import_module(folder).__path__, f"{folder}."):
            rule = importlib.import_module(module.name).RULE
            assert isinstance(rule, Rule)  # noqa: S101 – a file without a policy is a mistake of this repository
            found.append(rule)
    return tuple(sorted(found, key=lambda rule: rule.id))


def by_id() -> dict[str, Rule]:
    """The policies, found by their id."""
    return {rule.id: rule for rule in rules()}
