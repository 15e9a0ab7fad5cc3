"""What rotates a tenant's secrets in AWS.  (docs/ecs.md)"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_aws import iam, lambda_, secretsmanager
from pydantic import JsonValue

from components.aws import Scope, child, document, statement, trust
from components.observability.aws import Watch, alarm
from groundwork.errors import UserError

COMPONENT = "secrets"
FUNCTION = Path(__file__).with_name("rotation_function.py")
# Lambda's newest Python that this file runs on unchanged; boto3 is in it.
RUNTIME = "python3.13"
LONGEST_DAYS = 999


@dataclass(frozen=True, kw_only=True)
class Rotated:
    """One secret. `days`: how old a value gets; `services`: who gets new tasks when there is another."""

    arn: pulumi.Input[str]
    days: int
    services: Sequence[str]

    def __post_init__(self) -> None:
        if not 1 <= self.days <= LONGEST_DAYS:
            raise UserError(what=f"rotation_days: {self.days}", allowed=f"from 1 to {LONGEST_DAYS}")


@dataclass(frozen=True, kw_only=True)
class RotationArgs:
    """Of one tenant. `secrets`: by path. `cluster_name`: where their services run; `log_group`: where it writes.

    `alarm_topic`: who hears of a rotation that failed.
    """

    scope: Scope
    tenant: str
    secrets: Mapping[str, Rotated]
    key: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    log_group: pulumi.Input[str]
    alarm_topic: pulumi.Input[str]
    architecture: str


class Rotation(pulumi.ComponentResource):
    """A function that can rotate these secrets and read no other, and their schedules.

    `ready`: what a service that is given them must be made after.
    """

    ready: list[pulumi.Resource]

    def __init__(self, name: str, args: RotationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:secrets:Rotation", name, None, opts)
        self._name, self._args = name, args
        self._tags = args.scope.tags(COMPONENT, tenant=args.tenant)
        self._physical = args.scope.name(f"{args.tenant}-rotation")
        role = self._role()
        function = self._function(role, self._rights(role))
        tell_of_failures(self._name, self._physical, args.alarm_topic, self._tags, child(self))
        self.ready = [self._may_call(path, secret, function) for path, secret in sorted(args.secrets.items())]
        self.register_outputs({})

    def _role(self) -> iam.Role:
        return iam.Role(
            self._name,
            name=self._physical,
            assume_role_policy=trust("lambda.amazonaws.com", account=self._args.scope.account),
            tags=self._tags,
            opts=child(self),
        )

    def _rights(self, role: iam.Role) -> pulumi.Resource:
        args = self._args
        known = pulumi.Output.all(
            arns=[secret.arn for secret in args.secrets.values()],
            key=args.key,
            group=args.log_group,
            cluster=args.cluster_name,
        )
        made = iam.Policy(
            self._name,
            name=self._physical,
            policy=known.apply(lambda it: self._policy(it["arns"], it["key"], it["group"], it["cluster"])),
            tags=self._tags,
            opts=child(self),
        )
        return iam.RolePolicyAttachment(self._name, role=role.name, policy_arn=made.arn, opts=child(self))

    def _policy(self, arns: Sequence[str], key: str, group: str, cluster: str) -> str:
        scope = self._args.scope
        rotate = [
            f"secretsmanager:{each}"
            for each in ("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")
        ]
        through: dict[str, JsonValue] = {
            "StringEquals": {"kms:ViaService": f"secretsmanager.{scope.region}.amazonaws.com"}
        }
        services = sorted({service for secret in self._args.secrets.values() for service in secret.services})
        return document(
            statement(rotate, sorted(arns), sid="Secrets"),
            statement(("kms:Decrypt", "kms:GenerateDataKey"), key, condition=through, sid="SecretsKey"),
            statement(
                "ecs:UpdateService",
                [scope.arn("ecs", f"service/{cluster}/{service}") for service in services],
                sid="NewTasks",
            ),
            statement(
                ("logs:CreateLogStream", "logs:PutLogEvents"), scope.arn("logs", f"log-group:{group}:*"), sid="Logs"
            ),
        )

    def _function(self, role: iam.Role, rights: pulumi.Resource) -> lambda_.Function:
        args = self._args
        services = pulumi.Output.all(*[secret.arn for secret in args.secrets.values()]).apply(
            lambda arns: json.dumps(
                {arn: [*each.services] for arn, each in zip(arns, args.secrets.values(), strict=True)}, sort_keys=True
            )
        )
        code = pulumi.AssetArchive({FUNCTION.name: pulumi.StringAsset(FUNCTION.read_text("utf-8"))})
        return lambda_.Function(
            self._name,
            name=self._physical,
            description=f"Rotates secrets of {args.tenant} (docs/ecs.md)",
            role=role.arn,
            runtime=RUNTIME,
            handler=f"{FUNCTION.stem}.handler",
            architectures=["arm64" if args.architecture == "ARM64" else "x86_64"],
            code=code,
            timeout=60,
            memory_size=256,
            kms_key_arn=args.key,
            environment=lambda_.FunctionEnvironmentArgs(variables={"CLUSTER": args.cluster_name, "SERVICES": services}),
            logging_config=lambda_.FunctionLoggingConfigArgs(log_format="JSON", log_group=args.log_group),
            tags=self._tags,
            opts=child(self, rights),
        )

    def _may_call(self, path: str, secret: Rotated, function: lambda_.Function) -> pulumi.Resource:
        name = f"{self._name}-{path}"
        allowed = lambda_.Permission(
            name,
            action="lambda:InvokeFunction",
            function=function.name,
            principal="secretsmanager.amazonaws.com",
            source_arn=secret.arn,
            source_account=self._args.scope.account,
            opts=child(self),
        )
        return schedule(name, secret.arn, function.arn, secret.days, child(self, allowed))


def tell_of_failures(
    name: str, function: str, topic: pulumi.Input[str], tags: Mapping[str, str], opts: pulumi.ResourceOptions
) -> None:
    """An alarm on a function that rotates: nobody else would hear of it before a value is needed that is not there."""
    watch = Watch(
        metric="Errors",
        namespace="AWS/Lambda",
        dimensions={"FunctionName": function},
        limit=0,
        statistic="Sum",
        minutes=1,
        meaning="A secret was not rotated: what is given it goes on with the value before",
    )
    alarm(f"{name}-errors", watch, physical=f"{function}-errors", topic=topic, tags=tags, opts=opts)


def schedule(
    name: str, secret: pulumi.Input[str], function: pulumi.Input[str], days: int, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """A secret's first rotation, and one each time that its value is so many days old."""
    return secretsmanager.SecretRotation(
        name,
        secret_id=secret,
        rotation_lambda_arn=function,
        rotation_rules=secretsmanager.SecretRotationRotationRulesArgs(automatically_after_days=days),
        opts=opts,
    )
