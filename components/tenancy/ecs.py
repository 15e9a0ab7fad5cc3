"""A tenant on ECS.  (docs/ecs.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.agents.ecs import EcsAgent, EcsAgentArgs, EcsPlatform, TokenIssuer
from components.agents.ecs_task import Collector
from components.aws import Scope, child
from components.platform.specs import TenantSpec
from components.secrets.aws import ManagedSecret, ManagedSecretArgs
from components.tenancy.tenant import TenantAgent
from groundwork.errors import UserError


@dataclass(frozen=True, kw_only=True)
class EcsTenantArgs:
    """What a tenant is. `spec`: as in a cluster; its first host is the one below the environment's domain.

    `runtime_image`, `collector`: as in EcsAgentArgs.
    """

    tenant: str
    scope: Scope
    platform: EcsPlatform
    spec: TenantSpec
    agents: Sequence[TenantAgent]
    runtime_image: pulumi.Input[str]
    custom_hosts: Sequence[str] = ()
    collector: Collector | None = None

    def __post_init__(self) -> None:
        if self.custom_hosts:
            raise UserError(
                what=f"tenant {self.tenant}: hosts: {self.custom_hosts[0]} cannot be proven on ECS yet",
                allowed="none: only the name below the environment's domain (docs/ecs.md)",
            )
        _issuer(self.tenant, self.spec)


class EcsTenant(pulumi.ComponentResource):
    """A tenant: the places of its secrets, and its agents, each with an identity and a way out of its own."""

    agents: Mapping[str, EcsAgent]

    def __init__(self, name: str, args: EcsTenantArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:tenancy:EcsTenant", name, None, opts)
        wanted = sorted({reference.secret for agent in args.agents for reference in agent.manifest.spec.references()})
        secrets = {
            secret: ManagedSecret(
                f"{name}-{secret}",
                ManagedSecretArgs(
                    scope=args.scope,
                    path=f"{args.tenant}/{secret}",
                    key=args.platform.secrets_key,
                    tenant=args.tenant,
                ),
                child(self),
            ).arn
            for secret in wanted
        }
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
                    host=args.spec.hosts[0],
                    secrets=secrets,
                    issuer=_issuer(args.tenant, args.spec),
                    collector=args.collector,
                    suspended=args.spec.suspended is not None,
                ),
                child(self),
            )
            for agent in args.agents
        }
        self.register_outputs({})


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
