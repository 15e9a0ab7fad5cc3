"""Secrets in AWS: a KMS key for each purpose, and secrets whose values no stack knows.  (docs/aws.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pulumi
from pulumi_aws import kms, secretsmanager
from pydantic import JsonValue

from components.aws import Scope, child, document, statement

COMPONENT = "secrets"
USE = ("kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*")


@dataclass(frozen=True, kw_only=True)
class Purpose:
    """What a key encrypts. `services`: those of AWS that use it for this account, by their short names.

    `volumes`: EC2 uses it for disks, for whoever of the account starts a machine: an auto-scaling group does so by a
    role of AWS's own, which no policy of ours can be given to.
    """

    description: str
    services: Sequence[str] = ()
    volumes: bool = False


# One key a purpose: who may read logs cannot read data, and a key can be taken away alone.
PURPOSES: Mapping[str, Purpose] = MappingProxyType(
    {
        "data": Purpose(description="databases, caches and volumes", volumes=True),
        "logs": Purpose(
            description="log groups and their alarms", services=("logs", "cloudwatch", "budgets", "backup", "events")
        ),
        "secrets": Purpose(description="Secrets Manager and the cluster's own secrets"),
        "backup": Purpose(description="recovery points", services=("backup",)),
        "images": Purpose(description="container images"),
    }
)


@dataclass(frozen=True, kw_only=True)
class KeysArgs:
    """`deletion_days`: how long a deleted key can still be had back, 7 to 30."""

    scope: Scope
    deletion_days: int = 30


class Keys(pulumi.ComponentResource):
    """A KMS key a purpose, each rotated every year. `arns`: by purpose."""

    arns: Mapping[str, pulumi.Output[str]]

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:secrets:Keys", name, None, opts)
        arns: dict[str, pulumi.Output[str]] = {}
        for part, purpose in PURPOSES.items():
            arns[part] = key_for(self, f"{name}-{part}", args.scope, purpose, part, args.deletion_days)
        self.arns = arns
        self.register_outputs({"arns": arns})


def key_for(  # noqa: PLR0913, PLR0917 – whose it is, and what it is
    parent: pulumi.Resource, name: str, scope: Scope, purpose: Purpose, part: str, deletion_days: int
) -> pulumi.Output[str]:
    """A key of a purpose as a child of `parent`, with an alias; its ARN. `part`: what the alias and the console say."""
    key = kms.Key(
        name,
        description=f"{scope.environment}: {purpose.description}",
        enable_key_rotation=True,
        deletion_window_in_days=deletion_days,
        policy=key_policy(scope, purpose),
        tags=scope.tags(COMPONENT, name=part),
        opts=child(parent),
    )
    kms.Alias(name, name=alias(scope, part), target_key_id=key.key_id, opts=child(parent))
    return key.arn


def alias(scope: Scope, part: str) -> str:
    """A key's, known before the key is made."""
    return f"alias/{scope.name(part)}"


@dataclass(frozen=True, kw_only=True)
class RegionKeyArgs:
    """One key of a purpose, in another region than the environment's. `scope`: of that region."""

    scope: Scope
    purpose: str


class RegionKey(pulumi.ComponentResource):
    """For what a service keeps in one region of the world only. `arn`: of the key."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: RegionKeyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:secrets:RegionKey", name, None, opts)
        purpose = PURPOSES[args.purpose]
        key = kms.Key(
            name,
            description=f"{args.scope.environment}: {purpose.description}, {args.scope.region}",
            enable_key_rotation=True,
            deletion_window_in_days=30,
            policy=key_policy(args.scope, purpose),
            tags=args.scope.tags(COMPONENT),
            opts=child(self),
        )
        self.arn = key.arn
        self.register_outputs({"arn": self.arn})


def key_policy(scope: Scope, purpose: Purpose) -> str:
    """The account decides by IAM who uses a key; services that act with no role of ours are named."""
    root: dict[str, JsonValue] = {"AWS": scope.arn("iam", "root", region="")}
    statements = [statement("kms:*", principal=root, sid="Account")]
    for service in purpose.services:
        # CloudWatch Logs is called by region and says for which log group; the others say for which account.
        host = f"{service}.{scope.region}.amazonaws.com" if service == "logs" else f"{service}.amazonaws.com"
        condition: dict[str, JsonValue] = (
            {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": scope.arn("logs", "*")}}
            if service == "logs"
            else {"StringEquals": {"aws:SourceAccount": scope.account}}
        )
        statements.append(statement(USE, principal={"Service": host}, condition=condition, sid=service.title()))
    if purpose.volumes:
        through: dict[str, JsonValue] = {
            "StringEquals": {
                "kms:CallerAccount": scope.account,
                "kms:ViaService": f"ec2.{scope.region}.amazonaws.com",
            }
        }
        uses = [*USE, "kms:CreateGrant"]
        statements.append(statement(uses, principal={"AWS": "*"}, condition=through, sid="Volumes"))
    return document(*statements)


@dataclass(frozen=True, kw_only=True)
class ManagedSecretArgs:
    """A secret that is put in by hand or by another service. `path`: its name below the environment's.

    `recovery_days`: how long a deleted one can be had back, 7 to 30.
    """

    scope: Scope
    path: str
    key: pulumi.Input[str]
    tenant: str | None = None
    recovery_days: int = 30


class ManagedSecret(pulumi.ComponentResource):
    """The place of a secret; its value never stands in a state. `arn`: what roles and tasks name."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: ManagedSecretArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:secrets:ManagedSecret", name, None, opts)
        secret = secretsmanager.Secret(
            name,
            name=f"groundwork/{args.scope.environment}/{args.path}",
            description="Its value is put in by `aws secretsmanager put-secret-value`, and is in no stack",
            kms_key_id=args.key,
            recovery_window_in_days=args.recovery_days,
            tags=args.scope.tags(COMPONENT, tenant=args.tenant),
            opts=child(self),
        )
        # Whatever a role is given elsewhere: not over a connection that can be read, and not by another account.
        secretsmanager.SecretPolicy(
            name,
            secret_arn=secret.arn,
            policy=document(
                statement(
                    "secretsmanager:*",
                    principal={"AWS": "*"},
                    effect="Deny",
                    condition={"StringNotEquals": {"aws:PrincipalAccount": args.scope.account}},
                    sid="ThisAccountOnly",
                )
            ),
            block_public_policy=True,
            opts=child(self),
        )
        self.arn = secret.arn
        self.register_outputs({"arn": self.arn})
