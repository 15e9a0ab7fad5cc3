"""Secrets are rotated before they are old."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    days = resource.at("rotationRules", "automaticallyAfterDays")
    if resource.at("rotationRules", "scheduleExpression") is None and (not isinstance(days, int | float) or days > 90):
        yield f"automaticallyAfterDays is {days}, more than 90"


RULE = Rule(
    id="aws-secret-rotation",
    title="Secrets are rotated at least every 90 days",
    severity=Severity.MEDIUM,
    frameworks=("FSBP SecretsManager.1", "FSBP SecretsManager.4"),
    remediation="set rotationRules.automaticallyAfterDays to 90 or less",
    types=frozenset({"aws:secretsmanager/secretRotation:SecretRotation"}),
    check=_check,
)
