"""PostgreSQL in RDS.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, ec2, iam, rds, secretsmanager

from components.aws import Scope, child, trust
from components.data.access import StoreAccess, store_group
from components.data.names import POSTGRES_PORT
from components.instances import DATABASE_CLASSES
from groundwork.errors import UserError

COMPONENT = "data"
FAMILY = "postgres16"
# RDS's minor version, raised by RDS in the maintenance window. Source: AWS's notice on minor versions of May 2026, by
# which 16.5 to 16.8 are brought to 16.11.
VERSION = "16.11"
LOGS = ("postgresql", "upgrade")
# TLS or nothing; row-level security cannot be evaded by a leaky plan; who connects and what is slow is written down.
PARAMETERS: Mapping[str, tuple[str, str]] = {
    "rds.force_ssl": ("1", "immediate"),
    "ssl_min_protocol_version": ("TLSv1.2", "immediate"),
    "row_security": ("1", "immediate"),
    "log_connections": ("1", "immediate"),
    "log_disconnections": ("1", "immediate"),
    "log_min_duration_statement": ("1000", "immediate"),
    "log_statement": ("ddl", "immediate"),
    "idle_in_transaction_session_timeout": ("60000", "immediate"),
    "shared_preload_libraries": ("pg_stat_statements", "pending-reboot"),
}


@dataclass(frozen=True, kw_only=True)
class PostgresArgs:
    """What a database needs. `storage`, `max_storage`: GiB, grown by itself between them.

    `backup_days`: within which any second can be gone back to. `rotation_days`: how old the master's password gets.
    """

    access: StoreAccess
    subnet_ids: Sequence[pulumi.Input[str]]
    instance_class: str
    storage: int
    max_storage: int
    multi_az: bool
    backup_days: int
    rotation_days: int
    deletion_protection: bool
    keys: Mapping[str, pulumi.Input[str]]
    log_days: int = 90

    def __post_init__(self) -> None:
        if self.instance_class not in DATABASE_CLASSES:
            allowed = ", ".join(DATABASE_CLASSES)
            raise UserError(what=f"instance_class: {self.instance_class!r} is not known", allowed=allowed)
        if not 20 <= self.storage <= self.max_storage:
            allowed = "storage from 20, max_storage not below it"
            raise UserError(what=f"storage: {self.storage} to {self.max_storage} GiB", allowed=allowed)
        if not 1 <= self.backup_days <= 35:
            raise UserError(what=f"backup_days: {self.backup_days}", allowed="from 1 to 35; 0 would switch them off")


class Postgres(pulumi.ComponentResource):
    """An instance in the data subnets. `secret_arn`: where RDS keeps and rotates the master's password."""

    arn: pulumi.Output[str]
    address: pulumi.Output[str]
    resource_id: pulumi.Output[str]
    identifier: pulumi.Output[str]
    secret_arn: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: PostgresArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:data:Postgres", name, None, opts)
        self._name, self._args, self._scope = name, args, args.access.scope
        group = store_group(self._name, "postgres", POSTGRES_PORT, args.access, self)
        instance = self._instance(group)
        self.security_group_id = group.id
        self.arn, self.address, self.resource_id = instance.arn, instance.address, instance.resource_id
        self.identifier = instance.identifier
        self.secret_arn = instance.master_user_secrets[0].secret_arn
        secretsmanager.SecretRotation(
            name,
            secret_id=self.secret_arn,
            rotation_rules=secretsmanager.SecretRotationRotationRulesArgs(automatically_after_days=args.rotation_days),
            opts=child(self),
        )
        self.register_outputs({"address": self.address})

    def _instance(self, group: ec2.SecurityGroup) -> rds.Instance:
        args, scope = self._args, self._scope
        tags = scope.tags(COMPONENT)
        subnets = rds.SubnetGroup(
            self._name,
            name=scope.name("postgres"),
            description="The data subnets",
            subnet_ids=list(args.subnet_ids),
            tags=tags,
            opts=child(self),
        )
        return rds.Instance(
            self._name,
            identifier=scope.name("postgres"),
            engine="postgres",
            engine_version=VERSION,
            instance_class=args.instance_class,
            allocated_storage=args.storage,
            max_allocated_storage=args.max_storage,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=args.keys["data"],
            db_name="groundwork",
            port=POSTGRES_PORT,
            username="groundwork_admin",
            manage_master_user_password=True,
            master_user_secret_kms_key_id=args.keys["secrets"],
            iam_database_authentication_enabled=True,
            db_subnet_group_name=subnets.name,
            vpc_security_group_ids=[group.id],
            parameter_group_name=self._parameters().name,
            publicly_accessible=False,
            multi_az=args.multi_az,
            backup_retention_period=args.backup_days,
            backup_window="01:00-02:00",
            maintenance_window="sun:03:00-sun:04:00",
            copy_tags_to_snapshot=True,
            delete_automated_backups=False,
            deletion_protection=args.deletion_protection,
            skip_final_snapshot=False,
            final_snapshot_identifier=scope.name("postgres-final"),
            auto_minor_version_upgrade=True,
            ca_cert_identifier="rds-ca-ecc384-g1",
            monitoring_interval=60,
            monitoring_role_arn=self._monitoring().arn,
            performance_insights_enabled=True,
            performance_insights_kms_key_id=args.keys["data"],
            performance_insights_retention_period=7,
            enabled_cloudwatch_logs_exports=list(LOGS),
            tags=tags | {"groundwork:backup": "daily"},
            # RDS raises the minor version by itself.
            opts=pulumi.ResourceOptions(parent=self, depends_on=self._logs(), ignore_changes=["engineVersion"]),
        )

    def _parameters(self) -> rds.ParameterGroup:
        return rds.ParameterGroup(
            self._name,
            name=self._scope.name("postgres16"),
            family=FAMILY,
            description="TLS only, row security on, connections and slow statements written down",
            parameters=[
                rds.ParameterGroupParameterArgs(name=key, value=value, apply_method=how)
                for key, (value, how) in PARAMETERS.items()
            ],
            tags=self._scope.tags(COMPONENT),
            opts=child(self),
        )

    def _logs(self) -> list[pulumi.Resource]:
        """Before the instance, which would make them without key and for ever."""
        return [
            cloudwatch.LogGroup(
                f"{self._name}-{log}",
                name=f"/aws/rds/instance/{self._scope.name('postgres')}/{log}",
                retention_in_days=self._args.log_days,
                kms_key_id=self._args.keys["logs"],
                tags=self._scope.tags(COMPONENT),
                opts=child(self),
            )
            for log in LOGS
        ]

    def _monitoring(self) -> iam.Role:
        role = iam.Role(
            f"{self._name}-monitoring",
            name=self._scope.name("postgres-monitoring"),
            assume_role_policy=trust("monitoring.rds.amazonaws.com", account=self._scope.account),
            tags=self._scope.tags(COMPONENT),
            opts=child(self),
        )
        iam.RolePolicyAttachment(
            f"{self._name}-monitoring",
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
            opts=child(self),
        )
        return role


def connect_policy(scope: Scope, resource_id: str, user: str) -> str:
    """Who has it gets into the database as `user`, with a token of IAM's and no password."""
    from components.aws import document, statement

    return document(statement("rds-db:connect", scope.arn("rds-db", f"dbuser:{resource_id}/{user}")))
