"""AWS Backup: locked vaults, a plan, a copy in another region.  (docs/aws.md)"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import backup, iam, kms

from components.aws import Scope, child, trust
from components.secrets.aws import PURPOSES, key_policy
from groundwork.errors import UserError

COMPONENT = "backup"
TAG = "groundwork:backup"
POLICIES = ("AWSBackupServiceRolePolicyForBackup", "AWSBackupServiceRolePolicyForRestores")


@dataclass(frozen=True, kw_only=True)
class BackupArgs:
    """What backups need. `copy`: the scope of the other region, None for no copy; `copy_provider`: its provider.

    `days`, `copy_days`: how long a recovery point is kept. `lock_days`: within which nobody can shorten that or delete
    one; after `grace_days` the lock itself can never be taken away (3 at least), None never closes it.
    """

    scope: Scope
    key: pulumi.Input[str]
    days: int
    lock_days: int
    grace_days: int | None = None
    copy: Scope | None = None
    copy_days: int = 30
    copy_provider: pulumi.ProviderResource | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.lock_days <= self.days:
            raise UserError(what=f"lock_days: {self.lock_days}", allowed=f"from 1 to days ({self.days})")
        if self.grace_days is not None and self.grace_days < 3:
            raise UserError(what=f"grace_days: {self.grace_days}", allowed="3 or more, or none")
        if self.copy is not None and self.copy.region == self.scope.region:
            raise UserError(what=f"copy: is in {self.scope.region} too", allowed="another region")
        if self.copy is not None and self.copy_days < self.lock_days:
            raise UserError(what=f"copy_days: {self.copy_days}", allowed=f"lock_days ({self.lock_days}) or more")


class Backup(pulumi.ComponentResource):
    """A vault, a daily plan over all that has the tag `groundwork:backup`, and the copy. `vault`: the vault's name."""

    vault: pulumi.Output[str]

    def __init__(self, name: str, args: BackupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:data:Backup", name, None, opts)
        self._name, self._args = name, args
        vault = self._vault("", args.scope, args.key, None)
        copy = self._copy()
        plan = self._plan(vault, copy)
        role, attached = self._role()
        backup.Selection(
            name,
            name=args.scope.name("tagged"),
            plan_id=plan.id,
            iam_role_arn=role.arn,
            selection_tags=[backup.SelectionSelectionTagArgs(type="STRINGEQUALS", key=TAG, value="daily")],
            opts=child(self, *attached),
        )
        self.vault = vault.name
        self.register_outputs({"vault": self.vault})

    def _vault(
        self, part: str, scope: Scope, key: pulumi.Input[str], provider: pulumi.ProviderResource | None
    ) -> backup.Vault:
        name = f"{self._name}{part}"
        vault = backup.Vault(
            name,
            name=scope.name("backup"),
            kms_key_arn=key,
            tags=scope.tags(COMPONENT),
            opts=child(self, provider=provider),
        )
        backup.VaultLockConfiguration(
            name,
            backup_vault_name=vault.name,
            min_retention_days=self._args.lock_days,
            changeable_for_days=self._args.grace_days,
            opts=child(self, provider=provider),
        )
        return vault

    def _copy(self) -> backup.Vault | None:
        copy, provider = self._args.copy, self._args.copy_provider
        if copy is None:
            return None
        key = kms.Key(
            f"{self._name}-copy",
            description=f"{copy.environment}: copies of recovery points",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=key_policy(copy, PURPOSES["backup"]),
            tags=copy.tags(COMPONENT),
            opts=child(self, provider=provider),
        )
        return self._vault("-copy", copy, key.arn, provider)

    def _plan(self, vault: backup.Vault, copy: backup.Vault | None) -> backup.Plan:
        args = self._args
        copies = (
            [
                backup.PlanRuleCopyActionArgs(
                    destination_vault_arn=copy.arn,
                    lifecycle=backup.PlanRuleCopyActionLifecycleArgs(delete_after=args.copy_days),
                )
            ]
            if copy is not None
            else None
        )
        return backup.Plan(
            self._name,
            name=args.scope.name("daily"),
            rules=[
                backup.PlanRuleArgs(
                    rule_name="daily",
                    target_vault_name=vault.name,
                    schedule="cron(0 2 * * ? *)",
                    start_window=60,
                    completion_window=360,
                    lifecycle=backup.PlanRuleLifecycleArgs(delete_after=args.days),
                    copy_actions=copies,
                    recovery_point_tags=args.scope.tags(COMPONENT),
                )
            ],
            tags=args.scope.tags(COMPONENT),
            opts=child(self),
        )

    def _role(self) -> tuple[iam.Role, list[pulumi.Resource]]:
        scope = self._args.scope
        role = iam.Role(
            self._name,
            name=scope.name("backup"),
            assume_role_policy=trust("backup.amazonaws.com", account=scope.account),
            tags=scope.tags(COMPONENT),
            opts=child(self),
        )
        attached: list[pulumi.Resource] = [
            iam.RolePolicyAttachment(
                f"{self._name}-{policy}",
                role=role.name,
                policy_arn=f"arn:aws:iam::aws:policy/service-role/{policy}",
                opts=child(self),
            )
            for policy in POLICIES
        ]
        return role, attached
