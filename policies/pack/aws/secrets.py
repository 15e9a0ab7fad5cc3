"""Secrets are encrypted under a key of ours and can be had back."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("kmsKeyId") is None:
        yield "kmsKeyId is not set"
    window = resource.at("recoveryWindowInDays")
    if isinstance(window, int | float) and window < 7:
        yield "recoveryWindowInDays is below 7"


RULE = Rule(
    id="aws-secrets",
    title="Secrets are encrypted with KMS and wait before they are deleted",
    severity=Severity.HIGH,
    frameworks=(
        "FSBP SecretsManager.1",
        "NIST SP 800-53r5 SC-28",
    ),
    remediation="set kmsKeyId and a recoveryWindowInDays of 7 or more",
    types=frozenset({"aws:secretsmanager/secret:Secret"}),
    check=_check,
)
