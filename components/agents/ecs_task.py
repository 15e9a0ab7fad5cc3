"""The task of an agent on ECS: its containers, what they are given, and by which roles.  (docs/ecs.md)"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import ecs, iam
from pydantic import JsonValue

from components.agents.ecs_channels import Inbox, described
from components.agents.ecs_telemetry import Reported, Telemetry, collector_config
from components.agents.fargate import MIB, TaskSize, task_size
from components.agents.manifest import AgentManifest, OpenAIModel, SecretRef, Spec, dump
from components.aws import Scope, child, document, statement, trust
from components.data.tenant_users import SECRET as DATABASE_SECRET
from components.workload import USER

PORT, METRICS_PORT = 8080, 9090
# As the runtime image declares its volumes: that makes them this user's and not root's.
FOLDER, TMP = "/etc/agent", "/tmp"  # noqa: S108 – in the container
MANIFEST, SECRETS = f"{FOLDER}/manifest.yaml", f"{FOLDER}/secrets"
CONFIG = "COLLECTOR_CONFIG"
# What Service Connect's own proxy takes of a task: a quarter of a core and 64 MiB, as AWS recommends.
PROXY_CPU, PROXY_MEMORY = 250, 64 * MIB
# Writes what a cluster would mount, the manifest and secrets as files, as the agent's user: no other can read them.
WRITE_FILES = """\
import json, os, pathlib, re, sys
folder = pathlib.Path(os.environ["FOLDER"])
os.umask(0o077)
def put(name, text):
    file = folder / "secrets" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
(folder / "manifest.yaml").write_text(os.environ["MANIFEST"], "utf-8")
for name, variable in json.loads(os.environ["FILES"]).items():
    put(name, os.environ[variable])
for name, variable in json.loads(os.environ["FOLDERS"]).items():
    for field, text in json.loads(os.environ[variable]).items():
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,252}", field) or not isinstance(text, str):
            sys.exit(f"secret {name}: its fields are not names with texts")
        put(f"{name}/{field}", text)
"""


@dataclass(frozen=True, kw_only=True)
class TaskArgs:
    """As in EcsAgentArgs. `physical`: the name of the task's family and roles."""

    manifest: AgentManifest
    tenant: str
    scope: Scope
    physical: str
    tags: Mapping[str, str]
    image: pulumi.Input[str]
    runtime_image: pulumi.Input[str]
    secrets: Mapping[str, pulumi.Input[str]]
    secrets_key: pulumi.Input[str]
    log_group: pulumi.Input[str]
    metrics_group: pulumi.Input[str]
    architecture: str
    telemetry: Telemetry
    inbox: Inbox | None = None
    reached: Mapping[str, Sequence[Inbox]] = field(default_factory=dict)


class Task(pulumi.ComponentResource):
    """The task definition and its two roles: one starts it, the other, `identity`, is the agent's own, with no rights.

    `arn`: of this revision; `ready`: what a task cannot start without.
    """

    arn: pulumi.Output[str]
    identity: iam.Role
    ready: list[pulumi.Resource]

    def __init__(self, name: str, args: TaskArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:agents:EcsTask", name, None, opts)
        self._name, self._args, self._spec = name, args, args.manifest.spec
        execution = self._role("start")
        identity = self._role("agent")
        definition = ecs.TaskDefinition(
            name,
            family=args.physical,
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(self._size.cpu),
            memory=str(self._size.memory),
            runtime_platform=ecs.TaskDefinitionRuntimePlatformArgs(
                operating_system_family="LINUX", cpu_architecture=args.architecture
            ),
            execution_role_arn=execution.arn,
            task_role_arn=identity.arn,
            volumes=[ecs.TaskDefinitionVolumeArgs(name=volume) for volume in ("files", "tmp")],
            container_definitions=self._containers(),
            tags=dict(args.tags),
            opts=child(self),
        )
        self.arn, self.identity = definition.arn, identity
        self.ready = [self._rights(execution)]
        self.register_outputs({"arn": self.arn})

    @property
    def _size(self) -> TaskSize:
        amounts, telemetry = self._spec.resources, self._args.telemetry
        return task_size(
            amounts.cpu_limit + PROXY_CPU + telemetry.cpu, amounts.memory_limit + PROXY_MEMORY + telemetry.memory
        )

    def _role(self, part: str) -> iam.Role:
        return iam.Role(
            f"{self._name}-{part}",
            name=f"{self._args.physical}-{part}",
            assume_role_policy=trust("ecs-tasks.amazonaws.com", account=self._args.scope.account),
            tags=dict(self._args.tags),
            opts=child(self),
        )

    def _rights(self, role: iam.Role) -> pulumi.Resource:
        """To start it: pull images, write its logs, read the secrets that its manifest names and no other."""
        args = self._args
        named = {path: args.secrets[path] for path in secret_paths(self._spec)}
        policy = pulumi.Output.all(group=args.log_group, key=args.secrets_key, **named).apply(
            lambda known: self._policy(known["group"], known["key"], [known[name] for name in named])
        )
        made = iam.Policy(
            f"{self._name}-start",
            name=f"{args.physical}-start",
            policy=policy,
            tags=dict(args.tags),
            opts=child(self),
        )
        return iam.RolePolicyAttachment(f"{self._name}-start", role=role.name, policy_arn=made.arn, opts=child(self))

    def _policy(self, group: str, key: str, secrets: list[str]) -> str:
        scope = self._args.scope
        pull = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
        statements = [
            statement("ecr:GetAuthorizationToken", sid="Login"),
            statement(pull, scope.arn("ecr", "repository/*"), sid="Pull"),
            statement(
                ("logs:CreateLogStream", "logs:PutLogEvents"), scope.arn("logs", f"log-group:{group}:*"), sid="Logs"
            ),
        ]
        if secrets:
            through: dict[str, JsonValue] = {
                "StringEquals": {"kms:ViaService": f"secretsmanager.{scope.region}.amazonaws.com"}
            }
            statements += [
                statement("secretsmanager:GetSecretValue", secrets, sid="Secrets"),
                statement("kms:Decrypt", key, condition=through, sid="SecretsKey"),
            ]
        return document(*statements)

    def _containers(self) -> pulumi.Output[str]:
        args = self._args
        given = pulumi.Output.all(
            image=args.image,
            runtime=args.runtime_image,
            collector=args.telemetry.image,
            group=args.log_group,
            metrics=args.metrics_group,
            channels=described(args.inbox, args.reached),
            **{f"secret:{path}": args.secrets[path] for path in secret_paths(self._spec)},
        )
        return given.apply(lambda known: json.dumps(self._listed(known), sort_keys=True))

    def _listed(self, known: Mapping[str, str]) -> list[JsonValue]:
        return [self._writer(known), self._agent(known), self._collector(known)]

    def _writer(self, known: Mapping[str, str]) -> dict[str, JsonValue]:
        model, whole = self._spec.model, sorted(self._spec.secrets)
        key = model.api_key_from if isinstance(model, OpenAIModel) else None
        keys = [key] if key is not None and key.secret not in whole else []
        text: dict[str, str] = {
            "FOLDER": FOLDER,
            "MANIFEST": dump(self._args.manifest),
            "FILES": json.dumps({f"{key.secret}/{key.key}": f"SECRET_{index}" for index, key in enumerate(keys)}),
            "FOLDERS": json.dumps({name: f"FOLDER_{index}" for index, name in enumerate(whole)}),
        }
        hidden: list[JsonValue] = [self._secret(f"SECRET_{index}", key, known) for index, key in enumerate(keys)]
        for index, name in enumerate(whole):
            arn = known[f"secret:{secret_path(self._spec, name)}"]
            hidden.append({"name": f"FOLDER_{index}", "valueFrom": arn})
        return self._base("files", known["runtime"], known["group"]) | {
            "essential": False,
            "user": f"{USER}:{USER}",
            "entryPoint": ["/opt/agent/bin/python", "-c", WRITE_FILES],
            "command": [],
            "environment": _variables(text),
            "secrets": hidden,
            "mountPoints": [_mount("files", FOLDER), _mount("tmp", TMP)],
        }

    def _agent(self, known: Mapping[str, str]) -> dict[str, JsonValue]:
        args, amounts = self._args, self._spec.resources
        plain = {key: value for key, value in self._spec.env.items() if isinstance(value, str)}
        hidden = {key: value for key, value in self._spec.env.items() if isinstance(value, SecretRef)}
        platform = {
            "AGENT_MANIFEST": MANIFEST,
            "AGENT_SECRETS": SECRETS,
            "AGENT_NAME": args.manifest.name,
            "AGENT_TENANT": args.tenant,
            "AGENT_ENVIRONMENT": args.scope.environment,
        } | args.telemetry.variables
        if known["channels"]:
            platform["AGENT_CHANNELS"] = known["channels"]
        return self._base("agent", known["image"], known["group"]) | {
            "essential": True,
            "user": f"{USER}:{USER}",
            "cpu": amounts.cpu_limit * 1024 // 1000,
            "memory": amounts.memory_limit // MIB,
            "dependsOn": [{"containerName": "files", "condition": "SUCCESS"}],
            "portMappings": [
                {"name": "http", "containerPort": PORT, "protocol": "tcp", "appProtocol": "http"},
                {"name": "metrics", "containerPort": METRICS_PORT, "protocol": "tcp"},
            ],
            "environment": _variables(platform | plain),
            "secrets": [self._secret(key, value, known) for key, value in sorted(hidden.items())],
            "mountPoints": [_mount("files", FOLDER, read_only=True), _mount("tmp", TMP)],
            "stopTimeout": max(2, math.ceil(self._spec.drain.total_seconds())),
        }

    def _collector(self, known: Mapping[str, str]) -> dict[str, JsonValue]:
        args, telemetry = self._args, self._args.telemetry
        memory = telemetry.memory // MIB
        reported = Reported(
            tenant=args.tenant,
            agent=args.manifest.name,
            environment=args.scope.environment,
            region=args.scope.region,
            group=known["metrics"],
            scraped=METRICS_PORT,
            memory_mib=memory,
        )
        limits = {"GOMAXPROCS": "1", "GOMEMLIMIT": f"{memory * 3 // 4}MiB"}
        return self._base("telemetry", known["collector"], known["group"]) | {
            # Without it an agent answers on; it is started again, and an alarm tells of its silence.
            "essential": False,
            "restartPolicy": {"enabled": True},
            "user": f"{USER}:{USER}",
            "cpu": telemetry.cpu * 1024 // 1000,
            "memory": memory,
            "command": [f"--config=env:{CONFIG}"],
            "environment": _variables({CONFIG: json.dumps(collector_config(reported), sort_keys=True), **limits}),
        }

    def _secret(self, variable: str, reference: SecretRef, known: Mapping[str, str]) -> JsonValue:
        """One key of a secret whose value is a JSON object."""
        path = secret_path(self._spec, reference.secret)
        return {"name": variable, "valueFrom": f"{known[f'secret:{path}']}:{reference.key}::"}

    def _base(self, name: str, image: str, group: str) -> dict[str, JsonValue]:
        return {
            "name": name,
            "image": image,
            "readonlyRootFilesystem": True,
            "privileged": False,
            "linuxParameters": {"initProcessEnabled": True, "capabilities": {"drop": ["ALL"]}},
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": group,
                    "awslogs-region": self._args.scope.region,
                    "awslogs-stream-prefix": f"{self._args.tenant}/{self._args.manifest.name}",
                    # A log that cannot be written must not hold up an answer.
                    "mode": "non-blocking",
                    "max-buffer-size": "4m",
                },
            },
        }


def secret_path(spec: Spec, name: str) -> str:
    """Where a secret of a manifest stands below its tenant's: an entry of `secrets` says so, others by name; all users
    of the database are one secret.
    """
    entry = spec.secrets.get(name)
    if entry is None:
        return name
    return DATABASE_SECRET if entry.database is not None else entry.path or name


def secret_paths(spec: Spec) -> list[str]:
    """Each place that an agent's secrets have."""
    names = {*spec.secrets, *(reference.secret for reference in spec.references())}
    return sorted({secret_path(spec, name) for name in names})


def _variables(values: Mapping[str, str]) -> list[JsonValue]:
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def _mount(volume: str, path: str, *, read_only: bool = False) -> JsonValue:
    return {"sourceVolume": volume, "containerPath": path, "readOnly": read_only}
