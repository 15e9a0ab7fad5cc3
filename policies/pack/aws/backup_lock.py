"""What was backed up cannot be deleted before its time, by whoever."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies.rule import Resource, Rule, Severity


def _check(resources: Sequence[Resource]) -> Iterator[tuple[Resource, str]]:
    locks = [each for each in resources if each.type.endswith(":VaultLockConfiguration")]
    vaults = [each for each in resources if each.type == "aws:backup/vault:Vault"]
    for vault in vaults[len(locks) :]:
        yield vault, "has no VaultLockConfiguration"
    for lock in locks:
        days = lock.at("minRetentionDays")
        if not isinstance(days, int | float) or days < 1:
            yield lock, f"minRetentionDays is {days}"


RULE = Rule(
    id="aws-backup-lock",
    title="Backup vaults are locked",
    severity=Severity.HIGH,
    frameworks=("NIST SP 800-53r5 CP-9", "AWS Well-Architected REL09-BP02"),
    remediation="declare a VaultLockConfiguration with minRetentionDays for each Vault",
    types=frozenset({"aws:backup/vault:Vault", "aws:backup/vaultLockConfiguration:VaultLockConfiguration"}),
    stack=_check,
)
