"""A cache that speaks Redis, in ElastiCache.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, elasticache

from components.aws import child
from components.data.access import StoreAccess, store_group
from components.instances import CACHE_TYPES
from groundwork.errors import UserError

COMPONENT = "data"
PORT = 6379
# Valkey: what Redis was before its licence changed, and what ElastiCache goes on with. Source of the version: the
# ElastiCache guide, "Engine versions and upgrading".
ENGINE, VERSION = "valkey", "8.2"
USER = "groundwork"


@dataclass(frozen=True, kw_only=True)
class CacheArgs:
    """What a cache needs. `nodes`: with 2 or more, one in each of several zones, a failed one is replaced."""

    access: StoreAccess
    subnet_ids: Sequence[pulumi.Input[str]]
    node_type: str
    nodes: int
    snapshot_days: int
    keys: Mapping[str, pulumi.Input[str]]
    log_days: int = 90

    def __post_init__(self) -> None:
        if self.node_type not in CACHE_TYPES:
            raise UserError(what=f"node_type: {self.node_type!r} is not known", allowed=", ".join(CACHE_TYPES))
        if not 1 <= self.nodes <= 6:
            raise UserError(what=f"nodes: {self.nodes}", allowed="from 1 to 6")


class Cache(pulumi.ComponentResource):
    """A replication group: TLS only, users known by IAM, encrypted, over several zones."""

    address: pulumi.Output[str]
    group_id: pulumi.Output[str]
    user_arn: pulumi.Output[str]

    def __init__(self, name: str, args: CacheArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:data:Cache", name, None, opts)
        self._name, self._args, self._scope = name, args, args.access.scope
        user, users = self._users()
        group = self._group(users)
        self.address, self.group_id = group.primary_endpoint_address, group.replication_group_id
        self.user_arn = user.arn
        self.register_outputs({"address": self.address})

    def _users(self) -> tuple[elasticache.User, elasticache.UserGroup]:
        """No password: who has the right by IAM makes a token that lives 15 minutes."""
        physical = self._scope.name(USER)
        tags = self._scope.tags(COMPONENT)
        user = elasticache.User(
            self._name,
            # For a user that IAM knows, both must be the same.
            user_id=physical,
            user_name=physical,
            engine=ENGINE,
            access_string="on ~* +@all -@dangerous",
            authentication_mode=elasticache.UserAuthenticationModeArgs(type="iam"),
            tags=tags,
            opts=child(self),
        )
        users = elasticache.UserGroup(
            self._name,
            user_group_id=self._scope.name("cache"),
            engine=ENGINE,
            user_ids=[user.user_id],
            tags=tags,
            opts=child(self),
        )
        return user, users

    def _group(self, users: elasticache.UserGroup) -> elasticache.ReplicationGroup:
        args, scope = self._args, self._scope
        tags = scope.tags(COMPONENT)
        guard = store_group(self._name, "cache", PORT, args.access, self)
        subnets = elasticache.SubnetGroup(
            self._name,
            name=scope.name("cache"),
            description="The data subnets",
            subnet_ids=list(args.subnet_ids),
            tags=tags,
            opts=child(self),
        )
        logs = cloudwatch.LogGroup(
            self._name,
            name=f"/groundwork/{scope.environment}/cache",
            retention_in_days=args.log_days,
            kms_key_id=args.keys["logs"],
            tags=tags,
            opts=child(self),
        )
        several = args.nodes > 1
        return elasticache.ReplicationGroup(
            self._name,
            replication_group_id=scope.name("cache"),
            description="Sessions and counters",
            engine=ENGINE,
            engine_version=VERSION,
            node_type=args.node_type,
            num_cache_clusters=args.nodes,
            port=PORT,
            automatic_failover_enabled=several,
            multi_az_enabled=several,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            at_rest_encryption_enabled=True,
            kms_key_id=args.keys["data"],
            user_group_ids=[users.user_group_id],
            subnet_group_name=subnets.name,
            security_group_ids=[guard.id],
            snapshot_retention_limit=args.snapshot_days,
            snapshot_window="01:00-02:00",
            maintenance_window="sun:03:00-sun:04:00",
            auto_minor_version_upgrade=True,
            apply_immediately=False,
            log_delivery_configurations=[
                elasticache.ReplicationGroupLogDeliveryConfigurationArgs(
                    destination=logs.name,
                    destination_type="cloudwatch-logs",
                    log_format="json",
                    log_type=kind,
                )
                for kind in ("slow-log", "engine-log")
            ],
            tags=tags,
            opts=child(self),
        )
