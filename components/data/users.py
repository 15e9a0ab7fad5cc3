"""Who makes tenants' users in RDS where there is no cluster: a function that Secrets Manager calls.  (docs/ecs.md)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

import pulumi
from pulumi_aws import ec2, iam, lambda_, vpc
from pydantic import JsonValue

from components.aws import Scope, child, document, statement, trust
from components.data.place import OUTSIDE_DATABASE, rds_root
from components.data.rds import PORT
from components.data.tenant_users import SECRET, TAG, TAGGED
from components.secrets.rotation import RUNTIME, tell_of_failures

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
        self._physical = args.scope.name(SHORT)
        self._tags = args.scope.tags(COMPONENT)
        role, ways = self._role(), self._group()
        function = self._function(role, ways, self._rights(role))
        tell_of_failures(name, self._physical, args.alarm_topic, self._tags, child(self))
        secrets = f"secret:{self._secrets}"
        lambda_.Permission(
            name,
            action="lambda:InvokeFunction",
            function=function.name,
            principal="secretsmanager.amazonaws.com",
            source_arn=args.scope.arn("secretsmanager", secrets),
            source_account=args.scope.account,
            opts=child(self),
        )
        self.arn = function.arn
        self.register_outputs({"arn": self.arn})

    @property
    def _secrets(self) -> str:
        """The secrets that hold a user, of all tenants; Secrets Manager adds six letters to a name."""
        return f"groundwork/{self._args.scope.environment}/*/{SECRET}-??????"

    def _role(self) -> iam.Role:
        return iam.Role(
            self._name,
            name=self._physical,
            assume_role_policy=trust("lambda.amazonaws.com", account=self._args.scope.account),
            tags=self._tags,
            opts=child(self),
        )

    def _group(self) -> ec2.SecurityGroup:
        args = self._args
        tags = args.scope.tags(COMPONENT, name=SHORT)
        group = ec2.SecurityGroup(
            self._name,
            name=self._physical,
            description="Makes users of the database: out to it and to AWS's endpoints, nobody in",
            vpc_id=args.vpc_id,
            tags=tags,
            opts=child(self),
        )
        for short, port, network, target in (
            ("endpoints", 443, args.vpc_cidr, None),
            ("database", PORT, None, args.group_id),
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
            from_port=PORT,
            to_port=PORT,
            referenced_security_group_id=group.id,
            tags=tags,
            opts=child(self),
        )
        return group

    def _rights(self, role: iam.Role) -> list[pulumi.Resource]:
        args = self._args
        known = pulumi.Output.all(master=args.secret_arn, key=args.key, group=args.log_group, cluster=args.cluster_name)
        made = iam.Policy(
            self._name,
            name=self._physical,
            policy=known.apply(lambda it: self._policy(it["master"], it["key"], it["group"], it["cluster"])),
            tags=self._tags,
            opts=child(self),
        )
        return [
            iam.RolePolicyAttachment(self._name, role=role.name, policy_arn=made.arn, opts=child(self)),
            iam.RolePolicyAttachment(
                f"{self._name}-interfaces", role=role.name, policy_arn=INTERFACES, opts=child(self)
            ),
        ]

    def _policy(self, master: str, key: str, group: str, cluster: str) -> str:
        scope = self._args.scope
        rotate = [
            f"secretsmanager:{each}"
            for each in ("DescribeSecret", "GetSecretValue", "PutSecretValue", "UpdateSecretVersionStage")
        ]
        through: dict[str, JsonValue] = {
            "StringEquals": {"kms:ViaService": f"secretsmanager.{scope.region}.amazonaws.com"}
        }
        services = scope.arn("ecs", f"service/{cluster}/*")
        here: dict[str, JsonValue] = {"ArnEquals": {"ecs:cluster": scope.arn("ecs", f"cluster/{cluster}")}}
        theirs: dict[str, JsonValue] = {"StringEquals": {f"aws:ResourceTag/{TAG}": TAGGED}}
        # Lambda makes the interfaces; what runs in it needs none.
        itself: dict[str, JsonValue] = {
            "ArnEquals": {"lambda:SourceFunctionArn": scope.arn("lambda", f"function:{self._physical}")}
        }
        return document(
            statement(rotate, scope.arn("secretsmanager", f"secret:{self._secrets}"), sid="Secrets"),
            statement("secretsmanager:GetSecretValue", master, sid="Master"),
            statement(("kms:Decrypt", "kms:GenerateDataKey"), key, condition=through, sid="SecretsKey"),
            statement("ecs:ListServices", "*", condition=here, sid="Services"),
            statement("ecs:DescribeServices", services, sid="TheirTags"),
            statement("ecs:UpdateService", services, condition=theirs, sid="NewTasks"),
            statement(
                ("logs:CreateLogStream", "logs:PutLogEvents"), scope.arn("logs", f"log-group:{group}:*"), sid="Logs"
            ),
            statement(INTERFACE_ACTIONS, "*", effect="Deny", condition=itself, sid="NoInterfaces"),
        )

    def _function(self, role: iam.Role, group: ec2.SecurityGroup, rights: list[pulumi.Resource]) -> lambda_.Function:
        args = self._args
        variables: dict[str, pulumi.Input[str]] = {
            "CLUSTER": args.cluster_name,
            "DATABASE": OUTSIDE_DATABASE,
            "ENVIRONMENT": args.scope.environment,
            "HOST": args.address,
            "MASTER": args.secret_arn,
            "PORT": str(PORT),
        }
        return lambda_.Function(
            self._name,
            name=self._physical,
            description="Makes tenants' users of the database (docs/ecs.md)",
            role=role.arn,
            runtime=RUNTIME,
            handler=HANDLER,
            architectures=["arm64" if args.architecture == "ARM64" else "x86_64"],
            code=archive(args.scope.region),
            timeout=60,
            memory_size=256,
            kms_key_arn=args.key,
            vpc_config=lambda_.FunctionVpcConfigArgs(subnet_ids=args.subnet_ids, security_group_ids=[group.id]),
            environment=lambda_.FunctionEnvironmentArgs(variables=variables),
            logging_config=lambda_.FunctionLoggingConfigArgs(log_format="JSON", log_group=args.log_group),
            tags=self._tags,
            opts=child(self, *rights),
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
