"""What rotates a tenant's secrets in AWS.  (docs/ecs.md)"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pulumi
from pulumi_aws import iam, lambda_

from components.aws import Scope, child, document, statement
from components.secrets import functions
from components.secrets.functions import Place, Program
from groundwork.errors import UserError

COMPONENT = "secrets"
FUNCTION = Path(__file__).with_name("rotation_function.py")
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
        self._place = Place(
            name=name,
            physical=args.scope.name(f"{args.tenant}-rotation"),
            scope=args.scope,
            tags=args.scope.tags(COMPONENT, tenant=args.tenant),
            key=args.key,
            log_group=args.log_group,
            alarm_topic=args.alarm_topic,
            architecture=args.architecture,
            parent=self,
        )
        role = functions.role(self._place)
        function = self._function(role, self._rights(role))
        self.ready = [self._schedule(path, secret, function) for path, secret in sorted(args.secrets.items())]
        self.register_outputs({})

    def _rights(self, role: iam.Role) -> pulumi.Resource:
        args = self._args
        known = pulumi.Output.all(
            arns=[secret.arn for secret in args.secrets.values()],
            key=args.key,
            group=args.log_group,
            cluster=args.cluster_name,
        )
        policy = known.apply(lambda it: self._policy(it["arns"], it["key"], it["group"], it["cluster"]))
        return functions.attach(self._place, role, policy)

    def _policy(self, arns: Sequence[str], key: str, group: str, cluster: str) -> str:
        scope = self._args.scope
        services = sorted({service for secret in self._args.secrets.values() for service in secret.services})
        return document(
            *functions.rights(scope, sorted(arns), key, group),
            statement(
                "ecs:UpdateService",
                [scope.arn("ecs", f"service/{cluster}/{service}") for service in services],
                sid="NewTasks",
            ),
        )

    def _function(self, role: iam.Role, rights: pulumi.Resource) -> lambda_.Function:
        args = self._args
        services = pulumi.Output.all(*[secret.arn for secret in args.secrets.values()]).apply(
            lambda arns: json.dumps(
                {arn: [*each.services] for arn, each in zip(arns, args.secrets.values(), strict=True)}, sort_keys=True
            )
        )
        program = Program(
            description=f"Rotates secrets of {args.tenant}",
            handler=f"{FUNCTION.stem}.handler",
            code=pulumi.AssetArchive({FUNCTION.name: pulumi.StringAsset(FUNCTION.read_text("utf-8"))}),
            variables={"CLUSTER": args.cluster_name, "SERVICES": services},
        )
        return functions.function(self._place, role, program, [rights])

    def _schedule(self, path: str, secret: Rotated, function: lambda_.Function) -> pulumi.Resource:
        name = f"{self._name}-{path}"
        allowed = functions.may_rotate(name, self._place, function, secret.arn)
        return functions.schedule(name, secret.arn, function.arn, secret.days, child(self, allowed))
