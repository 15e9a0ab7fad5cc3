"""Who makes tenants' users in RDS where there is no cluster: a function that Secrets Manager calls.  (docs/ecs.md)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

import pulumi
from pulumi_aws import ec2, iam, lambda_, vpc
from pydantic import JsonValue

from components.aws import Scope, child, document, statement
from components.data.names import POSTGRES_PORT
from components.data.place import OUTSIDE_DATABASE, rds_root
from components.data.tenant_users import SECRET, TAG, TAGGED
from components.secrets import functions
from components.secrets.functions import Place, Program

COMPONENT = "data"
SHORT = "database-users"
_ROOT = Path(__file__).parents[2]
# By their names in the checkout: so they are imported here and in Lambda alike.
SOURCES = (
    "components/data/tenant_users.py",
    "components/data/users_function.py",
    "components/secrets/rotation_function.py",
)
HANDLER = "components.data.users_function.handler"
AUTHORITY = "authority.pem"  # as users_function.py looks for it
# The driver and what it is made of, in Python alone: one archive for every architecture.
PACKAGES = ("pg8000", "scramp", "asn1crypto", "python-dateutil", "six")
# A function in a VPC needs it, and the API knows no narrower one: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
INTERFACES = "arn:aws:iam::aws:policy/service-role/AWSLambdaENIManagementAccess"
INTERFACE_ACTIONS = (
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DetachNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


@dataclass(frozen=True, kw_only=True)
class DatabaseUsersArgs:
    """`address`, `group_id`, `secret_arn`: of the database, its security group and its master's password.

    `vpc_cidr`: where AWS's own services are reached. `key`: what the secrets are encrypted with. `alarm_topic`: who
    hears of a rotation that failed.
    """

    scope: Scope
    vpc_id: pulumi.Input[str]
    vpc_cidr: str
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    address: pulumi.Input[str]
    group_id: pulumi.Input[str]
    secret_arn: pulumi.Input[str]
    key: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    log_group: pulumi.Input[str]
    alarm_topic: pulumi.Input[str]
    architecture: str


class DatabaseUsers(pulumi.ComponentResource):
    """A function that reaches the database and AWS's endpoints, and nothing else. `arn`: what rotates the secrets."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseUsersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:data:DatabaseUsers", name, None, opts)
        self._name, self._args = name, args
        self._place = place = Place(
            name=name,
            physical=args.scope.name(SHORT),
            scope=args.scope,
            tags=args.scope.tags(COMPONENT),
            key=args.key,
            log_group=args.log_group,
            alarm_topic=args.alarm_topic,
            architecture=args.architecture,
            parent=self,
        )
        role = functions.role(place)
        function = functions.function(place, role, self._program(self._group()), self._rights(role))
        functions.may_rotate(name, place, function, self._secrets)
        self.arn = function.arn
        self.register_outputs({"arn": self.arn})

    @property
    def _secrets(self) -> str:
        """The secrets that hold a user, of all tenants; Secrets Manager adds six letters to a name."""
        scope = self._args.scope
        return scope.arn("secretsmanager", f"secret:groundwork/{scope.environment}/*/{SECRET}-??????")

    def _group(self) -> ec2.SecurityGroup:
        args = self._args
        tags = args.scope.tags(COMPONENT, name=SHORT)
        group = ec2.SecurityGroup(
            self._name,
            name=self._place.physical,
            description="Makes users of the database: out to it and to AWS's endpoints, nobody in",
            vpc_id=args.vpc_id,
            tags=tags,
            opts=child(self),
        )
        for short, port, network, target in (
            ("endpoints", 443, args.vpc_cidr, None),
            ("database", POSTGRES_PORT, None, args.group_id),
        ):
            vpc.SecurityGroupEgressRule(
                f"{self._name}-{short}",
                security_group_id=group.id,
                description=f"To the {short}",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                cidr_ipv4=network,
                referenced_security_group_id=target,
                tags=tags,
                opts=child(self),
            )
        vpc.SecurityGroupIngressRule(
            self._name,
            security_group_id=args.group_id,
            description="From what makes users",
            ip_protocol="tcp",
            from_port=POSTGRES_PORT,
            to_port=POSTGRES_PORT,
            referenced_security_group_id=group.id,
            tags=tags,
            opts=child(self),
        )
        return group

    def _rights(self, role: iam.Role) -> list[pulumi.Resource]:
        args = self._args
        known = pulumi.Output.all(master=args.secret_arn, key=args.key, group=args.log_group, cluster=args.cluster_name)
        policy = known.apply(lambda it: self._policy(it["master"], it["key"], it["group"], it["cluster"]))
        interfaces = iam.RolePolicyAttachment(
            f"{self._name}-interfaces", role=role.name, policy_arn=INTERFACES, opts=child(self)
        )
        return [functions.attach(self._place, role, policy), interfaces]

    def _policy(self, master: str, key: str, group: str, cluster: str) -> str:
        scope = self._args.scope
        services = scope.arn("ecs", f"service/{cluster}/*")
        here: dict[str, JsonValue] = {"ArnEquals": {"ecs:cluster": scope.arn("ecs", f"cluster/{cluster}")}}
        theirs: dict[str, JsonValue] = {"StringEquals": {f"aws:ResourceTag/{TAG}": TAGGED}}
        # Lambda makes the interfaces; what runs in it needs none.
        itself: dict[str, JsonValue] = {
            "ArnEquals": {"lambda:SourceFunctionArn": scope.arn("lambda", f"function:{self._place.physical}")}
        }
        return document(
            *functions.rights(scope, self._secrets, key, group),
            statement("secretsmanager:GetSecretValue", master, sid="Master"),
            statement("ecs:ListServices", "*", condition=here, sid="Services"),
            statement("ecs:DescribeServices", services, sid="TheirTags"),
            statement("ecs:UpdateService", services, condition=theirs, sid="NewTasks"),
            statement(INTERFACE_ACTIONS, "*", effect="Deny", condition=itself, sid="NoInterfaces"),
        )

    def _program(self, group: ec2.SecurityGroup) -> Program:
        args = self._args
        return Program(
            description="Makes tenants' users of the database",
            handler=HANDLER,
            code=archive(args.scope.region),
            variables={
                "CLUSTER": args.cluster_name,
                "DATABASE": OUTSIDE_DATABASE,
                "ENVIRONMENT": args.scope.environment,
                "HOST": args.address,
                "MASTER": args.secret_arn,
                "PORT": str(POSTGRES_PORT),
            },
            network=lambda_.FunctionVpcConfigArgs(subnet_ids=args.subnet_ids, security_group_ids=[group.id]),
        )


def archive(region: str) -> pulumi.AssetArchive:
    """What Lambda runs, and what it checks the database's certificate with. Raises UserError where no root is known."""
    found: dict[str, pulumi.Asset | pulumi.Archive] = {AUTHORITY: pulumi.StringAsset(rds_root(region))}
    found |= {name: pulumi.FileAsset(str(_ROOT / name)) for name in SOURCES}
    found |= {name: pulumi.FileAsset(str(file)) for name, file in _modules()}
    return pulumi.AssetArchive(found)


def _modules() -> Iterator[tuple[str, Path]]:
    """The driver's files as they are installed here, and what says which version each is: they ask for that."""
    for package in PACKAGES:
        for file in files(package) or ():
            if file.suffix == ".py" or file.name == "METADATA":
                yield str(file), Path(str(file.locate()))
