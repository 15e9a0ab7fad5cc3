"""Backups are encrypted and cannot be deleted by who deletes the data."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("kmsKeyArn") is None:
        yield "kmsKeyArn is not set"
    if resource.at("forceDestroy") is True:
        yield "forceDestroy is true"


RULE = Rule(
    id="aws-backup",
    title="Backup vaults are encrypted with a key",
    severity=Severity.HIGH,
    frameworks=("FSBP Backup.1",),
    remediation="set kmsKeyArn; add a VaultLockConfiguration",
    types=frozenset({"aws:backup/vault:Vault"}),
    check=_check,
)
