"""Functions that rotate secrets: what all of them have, whatever they make.  (docs/ecs.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import iam, lambda_, secretsmanager
from pydantic import JsonValue

from components.aws import Scope, child, statement, trust
from components.observability.aws import Watch, alarm

# Lambda's newest Python that our files run on unchanged; boto3 is in it.
RUNTIME = "python3.13"
SERVICE = "secretsmanager.amazonaws.com"
_STEPS = ("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a function is, and what all of its parts have in common. `name`: of its resources; `physical`: in AWS.

    `key`: what the secrets are encrypted with; `alarm_topic`: who hears of a rotation that failed.
    """

    name: str
    physical: str
    scope: Scope
    tags: Mapping[str, str]
    key: pulumi.Input[str]
    log_group: pulumi.Input[str]
    alarm_topic: pulumi.Input[str]
    architecture: str
    parent: pulumi.Resource


def role(place: Place) -> iam.Role:
    """Whom it acts as: with no rights yet."""
    return iam.Role(
        place.name,
        name=place.physical,
        assume_role_policy=trust("lambda.amazonaws.com", account=place.scope.account),
        tags=dict(place.tags),
        opts=child(place.parent),
    )


def attach(place: Place, to: iam.Role, policy: pulumi.Input[str]) -> pulumi.Resource:
    """What it may. `policy`: the document."""
    made = iam.Policy(place.name, name=place.physical, policy=policy, tags=dict(place.tags), opts=child(place.parent))
    return iam.RolePolicyAttachment(place.name, role=to.name, policy_arn=made.arn, opts=child(place.parent))


def rights(scope: Scope, secrets: str | Sequence[str], key: str, group: str) -> list[dict[str, JsonValue]]:
    """To rotate these secrets and no other, through Secrets Manager alone, and to say what it did."""
    through: dict[str, JsonValue] = {"StringEquals": {"kms:ViaService": f"secretsmanager.{scope.region}.amazonaws.com"}}
    return [
        statement([f"secretsmanager:{each}" for each in _STEPS], secrets, sid="Secrets"),
        statement(("kms:Decrypt", "kms:GenerateDataKey"), key, condition=through, sid="SecretsKey"),
        statement(("logs:CreateLogStream", "logs:PutLogEvents"), scope.arn("logs", f"log-group:{group}:*"), sid="Logs"),
    ]


@dataclass(frozen=True, kw_only=True)
class Program:
    """What runs in it. `network`: where it has a way to more than AWS."""

    description: str
    handler: str
    code: pulumi.AssetArchive
    variables: Mapping[str, pulumi.Input[str]]
    network: lambda_.FunctionVpcConfigArgs | None = None


def function(place: Place, acting: iam.Role, program: Program, after: Sequence[pulumi.Resource]) -> lambda_.Function:
    """The function, and an alarm: nobody else would hear of a rotation that failed, before its value is missed."""
    watch = Watch(
        metric="Errors",
        namespace="AWS/Lambda",
        dimensions={"FunctionName": place.physical},
        limit=0,
        statistic="Sum",
        minutes=1,
        meaning="A secret was not rotated: what is given it goes on with the value before",
    )
    alarm(
        f"{place.name}-errors",
        watch,
        physical=f"{place.physical}-errors",
        topic=place.alarm_topic,
        tags=place.tags,
        opts=child(place.parent),
    )
    return lambda_.Function(
        place.name,
        name=place.physical,
        description=f"{program.description} (docs/ecs.md)",
        role=acting.arn,
        runtime=RUNTIME,
        handler=program.handler,
        architectures=["arm64" if place.architecture == "ARM64" else "x86_64"],
        code=program.code,
        timeout=60,
        memory_size=256,
        kms_key_arn=place.key,
        vpc_config=program.network,
        environment=lambda_.FunctionEnvironmentArgs(variables=dict(program.variables)),
        logging_config=lambda_.FunctionLoggingConfigArgs(log_format="JSON", log_group=place.log_group),
        tags=dict(place.tags),
        opts=child(place.parent, *after),
    )


def may_rotate(name: str, place: Place, called: lambda_.Function, secret: pulumi.Input[str]) -> lambda_.Permission:
    """Secrets Manager calls it, of this account, for this secret or this pattern of secrets."""
    return lambda_.Permission(
        name,
        action="lambda:InvokeFunction",
        function=called.name,
        principal=SERVICE,
        source_arn=secret,
        source_account=place.scope.account,
        opts=child(place.parent),
    )


def schedule(
    name: str, secret: pulumi.Input[str], called: pulumi.Input[str], days: int, opts: pulumi.ResourceOptions
) -> pulumi.Resource:
    """A secret's first rotation, and one each time that its value is so many days old. `called`: the function's ARN."""
    return secretsmanager.SecretRotation(
        name,
        secret_id=secret,
        rotation_lambda_arn=called,
        rotation_rules=secretsmanager.SecretRotationRotationRulesArgs(automatically_after_days=days),
        opts=opts,
    )
