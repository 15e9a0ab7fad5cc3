"""A provider works in named accounts only."""

from __future__ import annotations

import json
from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity, items


def _check(resource: Resource) -> Iterator[str]:
    """A provider's settings reach the engine as JSON text."""
    given = resource.at("allowedAccountIds")
    if not items(json.loads(given) if isinstance(given, str) else given):
        yield "allowedAccountIds is empty: whatever account the credentials are of is changed"


RULE = Rule(
    id="aws-provider-account",
    title="Providers name the account that they may change",
    severity=Severity.HIGH,
    frameworks=("NIST SP 800-53r5 CM-5",),
    remediation="set allowedAccountIds",
    types=frozenset({"pulumi:providers:aws"}),
    check=_check,
)
