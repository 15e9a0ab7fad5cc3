"""A tenant on ECS.  (docs/ecs.md)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.agents.ecs import EcsAgent, EcsAgentArgs
from components.agents.ecs_channels import Inbox, InboxArgs
from components.agents.ecs_platform import EcsPlatform, TokenIssuer
from components.agents.ecs_task import secret_paths
from components.agents.ecs_telemetry import Telemetry
from components.agents.manifest import AgentManifest
from components.aws import Scope, child
from components.data.tenant_users import SECRET as DATABASE_SECRET
from components.platform.specs import TenantSpec
from components.secrets.aws import ManagedSecret, ManagedSecretArgs
from components.secrets.functions import schedule
from components.secrets.rotation import Rotated, Rotation, RotationArgs
from components.tenancy.tenant import TenantAgent
from groundwork.errors import UserError

# How old a user's password gets where rotationDays does not say.
DATABASE_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class EcsTenantArgs:
    """What a tenant is. `spec`: as in a cluster; its first host is the one below the environment's domain, the others
    are its own, which the load balancer has certificates of.

    `runtime_image`, `telemetry`: as in EcsAgentArgs. `rotation_days`: path of a secret that the platform makes → days.
    """

    tenant: str
    scope: Scope
    platform: EcsPlatform
    spec: TenantSpec
    agents: Sequence[TenantAgent]
    runtime_image: pulumi.Input[str]
    telemetry: Telemetry
    rotation_days: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _issuer(self.tenant, self.spec)
        used = {path for agent in self.agents for path in secret_paths(agent.manifest.spec)}
        for path in self.rotation_days:
            if path not in used:
                raise UserError(
                    what=f"tenant {self.tenant}: rotationDays: no agent names the secret {path!r}",
                    allowed=", ".join(sorted(used)) or "none is named",
                )


class EcsTenant(pulumi.ComponentResource):
    """A tenant: the places of its secrets, and its agents, each with an identity and a way out of its own."""

    agents: Mapping[str, EcsAgent]

    def __init__(self, name: str, args: EcsTenantArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:tenancy:EcsTenant", name, None, opts)
        self._name, self._args = name, args
        secrets = self._secrets()
        rotation = self._rotation(secrets)
        inboxes = {agent.manifest.name: inbox for agent in args.agents for inbox in self._inbox(agent.manifest)}
        self.agents = {
            agent.manifest.name: EcsAgent(
                f"{name}-{agent.manifest.name}",
                EcsAgentArgs(
                    manifest=agent.manifest,
                    tenant=args.tenant,
                    scope=args.scope,
                    platform=args.platform,
                    image=agent.image,
                    runtime_image=args.runtime_image,
                    hosts=args.spec.hosts,
                    secrets=secrets,
                    issuer=_issuer(args.tenant, args.spec),
                    telemetry=args.telemetry,
                    suspended=args.spec.suspended is not None,
                    inbox=inboxes.get(agent.manifest.name),
                    reached=self._reached(agent.manifest, inboxes),
                    after=rotation,
                ),
                child(self),
            )
            for agent in args.agents
        }
        self.register_outputs({})

    def _secrets(self) -> dict[str, pulumi.Output[str]]:
        args = self._args
        paths = sorted({path for agent in args.agents for path in secret_paths(agent.manifest.spec)})
        return {
            path: ManagedSecret(
                f"{self._name}-{path}",
                ManagedSecretArgs(
                    scope=args.scope,
                    path=f"{args.tenant}/{path}",
                    key=args.platform.secrets_key,
                    tenant=args.tenant,
                ),
                child(self),
            ).arn
            for path in paths
        }

    def _rotation(self, secrets: Mapping[str, pulumi.Output[str]]) -> list[pulumi.Resource]:
        """Whatever a service waits for that is given a secret which rotates."""
        args = self._args
        ready = self._users(secrets)
        days = {path: each for path, each in args.rotation_days.items() if path != DATABASE_SECRET}
        if not days:
            return ready
        rotated = {
            path: Rotated(
                arn=secrets[path],
                days=each,
                services=[
                    f"{args.tenant}-{agent.manifest.name}"
                    for agent in args.agents
                    if path in secret_paths(agent.manifest.spec)
                ],
            )
            for path, each in days.items()
        }
        given = RotationArgs(
            scope=args.scope,
            tenant=args.tenant,
            secrets=rotated,
            key=args.platform.secrets_key,
            cluster_name=args.platform.cluster_name,
            log_group=args.platform.log_group,
            alarm_topic=args.platform.alarm_topic,
            architecture=args.platform.architecture,
        )
        return [*ready, *Rotation(f"{self._name}-rotation", given, child(self)).ready]

    def _users(self, secrets: Mapping[str, pulumi.Output[str]]) -> list[pulumi.Resource]:
        """The first user of the database, and others in its place."""
        args, database = self._args, self._args.platform.database
        if DATABASE_SECRET not in secrets or database is None:
            return []
        days = args.rotation_days.get(DATABASE_SECRET, DATABASE_DAYS)
        name = f"{self._name}-{DATABASE_SECRET}"
        return [schedule(name, secrets[DATABASE_SECRET], database.function_arn, days, child(self))]

    def _inbox(self, manifest: AgentManifest) -> Iterator[Inbox]:
        args = self._args
        if manifest.spec.channels.subscribe:
            given = InboxArgs(
                manifest=manifest, tenant=args.tenant, scope=args.scope, alarm_topic=args.platform.alarm_topic
            )
            yield Inbox(f"{self._name}-{manifest.name}-inbox", given, child(self))

    def _reached(self, manifest: AgentManifest, inboxes: Mapping[str, Inbox]) -> dict[str, list[Inbox]]:
        """For each channel that an agent speaks on: the queues of those who listen there."""
        return {
            subject: [
                inboxes[other.manifest.name]
                for other in self._args.agents
                if subject in other.manifest.spec.channels.subscribe
            ]
            for subject in manifest.spec.channels.publish
        }


def _issuer(tenant: str, spec: TenantSpec) -> TokenIssuer | None:
    """The load balancer asks one issuer, at an address. Raises UserError for what it cannot."""
    if not spec.issuers:
        return None
    first, *more = spec.issuers
    if more or first.jwks_uri is None:
        raise UserError(
            what=f"tenant {tenant}: issuers: the load balancer cannot check these tokens",
            allowed="on ECS one issuer, with jwksUri",
        )
    return TokenIssuer(issuer=first.issuer, jwks_uri=first.jwks_uri, audiences=first.audiences)
