"""What stands in an account says whose it is and who pays."""

from __future__ import annotations

import json
from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, Value, at, entries

_WANTED = ("groundwork:environment", "groundwork:cost-centre")


def _check(resource: Resource) -> Iterator[str]:
    given = {key for key, _ in entries(_tags(resource.at("defaultTags")))}
    missing = [tag for tag in _WANTED if tag not in given]
    if missing:
        yield f"defaultTags lack {', '.join(missing)}"


def _tags(given: Value) -> Value:
    """A provider's settings reach the engine as JSON text."""
    return at(json.loads(given) if isinstance(given, str) else given, "tags")


RULE = Rule(
    id="aws-tags",
    title="Resources carry the tags of their owner",
    severity=Severity.MEDIUM,
    frameworks=(
        "FSBP: Tagging",
        "CIS AWS: resource inventory",
    ),
    remediation="take the tags from the provider (defaultTags) or from components.labels",
    types=frozenset({"pulumi:providers:aws"}),
    check=_check,
)
