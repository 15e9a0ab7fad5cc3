"""A tenant in a cluster.  (docs/tenants.md)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import (
    LimitRange,
    LimitRangeItemArgs,
    LimitRangeSpecArgs,
    Namespace,
    ResourceQuota,
    ResourceQuotaSpecArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy

from components.agents.agent import Agent, AgentArgs, candidate_name
from components.agents.manifest import AgentManifest
from components.data.place import DatabasePlace
from components.domains.custom import CustomDomain, CustomDomainArgs
from components.gateway.route import Share, TenantRoute, TenantRouteArgs
from components.labels import Owner, labels, pod_security
from components.mesh.names import INJECTION, SIDECAR
from components.mesh.tenant import TenantMesh, TenantMeshArgs
from components.network_policies import closed
from components.platform.specs import API_VERSION, TenantSpec
from components.secrets.store import TenantStore, TenantStoreArgs
from components.units import format_bytes, format_cpu
from groundwork.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An agent's next version, beside the one that serves. `percent`: its part of the requests from outside."""

    manifest: AgentManifest
    image: pulumi.Input[str]
    percent: int


@dataclass(frozen=True, kw_only=True)
class TenantAgent:
    """One of a tenant's agents. `image`: as in AgentArgs. `candidate`: what is to take its place."""

    manifest: AgentManifest
    image: pulumi.Input[str]
    candidate: Candidate | None = None


@dataclass(frozen=True, kw_only=True)
class Quota:
    """The most that a tenant's pods may have together. `cpu`: thousandths of a core; `memory`: bytes."""

    cpu: int
    memory: int
    pods: int

    def covers(self, other: Quota) -> bool:
        """Whether `other` fits."""
        return self.cpu >= other.cpu and self.memory >= other.memory and self.pods >= other.pods

    def __str__(self) -> str:
        return f"cpu {format_cpu(self.cpu)}, memory {format_bytes(self.memory)}, pods {self.pods}"


def needed(agents: Sequence[TenantAgent]) -> Quota:
    """What the limits of agents and sidecars come to at their largest: in a rollout, old and new pods at once.

    A candidate is there while its agent's pods are replaced by ones of its own version.
    """
    cpu = memory = pods = 0
    candidates = [agent.candidate.manifest for agent in agents if agent.candidate is not None]
    for manifest, count in [
        *((agent.manifest, 2 * agent.manifest.spec.scaling.max) for agent in agents),
        *((manifest, manifest.spec.scaling.max) for manifest in candidates),
    ]:
        spec = manifest.spec
        pods += count
        cpu += count * (spec.resources.cpu_limit + SIDECAR.cpu)
        memory += count * (spec.resources.memory_limit + SIDECAR.memory)
    return Quota(cpu=cpu, memory=memory, pods=pods)


@dataclass(frozen=True, kw_only=True)
class TenantArgs:
    """What a tenant is. Its namespace has the tenant's name. `quota`: what its agents need, where none is given.

    `spec`: the tenant as the gateway sees it, its first host the one below the environment's domain; a tenant that is
    suspended has everything but pods. `custom_hosts`: names of its own, to be proven to the cluster's operator; those
    that a load balancer before the gateway has certificates of are among the spec's. `traced`: its agents
    send their spans to the environment's collector. `authority`: PEM, what the secret store's certificate is signed by;
    None where the environment has no store. `database`: None where it has none for agents.
    """

    owner: Owner
    spec: TenantSpec
    agents: Sequence[TenantAgent] = ()
    quota: Quota | None = None
    cluster_networks: Sequence[str] = ()
    custom_hosts: Sequence[str] = ()
    traced: bool = False
    authority: str | None = None
    database: DatabasePlace | None = None

    @property
    def versions(self) -> list[AgentManifest]:
        """All manifests that pods run, those of candidates too."""
        candidates = [agent.candidate.manifest for agent in self.agents if agent.candidate is not None]
        return [*(agent.manifest for agent in self.agents), *candidates]

    def __post_init__(self) -> None:
        names = [agent.manifest.name for agent in self.agents]
        names += [candidate_name(agent.manifest.name) for agent in self.agents if agent.candidate is not None]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise UserError(
                what=f"tenant {self.owner.tenant}: agent {double[0]} stands twice", allowed="names that differ"
            )
        need = needed(self.agents)
        if self.quota is not None and not self.quota.covers(need):
            raise UserError(
                what=f"tenant {self.owner.tenant}: the quota ({self.quota}) is less than its agents need",
                allowed=f"at least {need}",
                fix="raise the quota, or lower scaling.max or resources in the manifests",
            )


class Tenant(pulumi.ComponentResource):
    """A tenant: a namespace under Pod Security *restricted*, closed by default, with its agents.

    `agents`: by their names.  (docs/tenants.md)
    """

    agents: dict[str, Agent]

    def __init__(self, name: str, args: TenantArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:tenancy:Tenant", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        namespace = Namespace(
            name,
            metadata=ObjectMetaArgs(name=args.owner.tenant, labels=labels(args.owner) | pod_security() | INJECTION),
            opts=child,
        )
        inside = ObjectMetaArgs(name="tenant", namespace=namespace.metadata.name, labels=labels(args.owner))
        egress = [address for manifest in args.versions for address in manifest.spec.egress]
        guards: list[pulumi.Resource] = [
            TenantMesh(
                name,
                TenantMeshArgs(
                    owner=args.owner,
                    namespace=namespace.metadata.name,
                    egress=egress,
                    databases=_databases(args),
                ),
                opts=child,
            ),
            ResourceQuota(name, metadata=inside, spec=_quota(args.quota or needed(args.agents)), opts=child),
            LimitRange(name, metadata=inside, spec=_defaults(), opts=child),
            NetworkPolicy(
                name,
                metadata=inside,
                spec=closed(),
                opts=child,
            ),
        ]
        # Before the agents, so that one that does not start holds up neither a suspension nor an issuer's removal.
        guards.append(self._object(args, namespace))
        limit = args.spec.rate_limit
        route = TenantRouteArgs(
            owner=args.owner,
            namespace=namespace.metadata.name,
            hosts=args.spec.hosts,
            agents=[agent.manifest for agent in args.agents],
            shares=_shares(args.agents),
            requests_per_second=limit.requests_per_second if limit else None,
        )
        TenantRoute(name, route, child)
        for host in args.custom_hosts:
            CustomDomain(host, CustomDomainArgs(owner=args.owner, namespace=namespace.metadata.name, host=host), child)
        store = self._store(name, args, namespace, guards)

        def agent(version: TenantAgent | Candidate) -> Agent:
            candidate = isinstance(version, Candidate)
            own = AgentArgs(
                manifest=version.manifest,
                owner=args.owner,
                namespace=namespace.metadata.name,
                image=version.image,
                cluster_networks=args.cluster_networks,
                suspended=args.spec.suspended is not None,
                traced=args.traced,
                store=store,
                candidate=candidate,
            )
            return Agent(f"{name}-{own.called}", own, pulumi.ResourceOptions(parent=self, depends_on=guards))

        self.agents = {each.manifest.name: agent(each) for each in args.agents}
        for each in args.agents:
            if each.candidate is not None:
                agent(each.candidate)
        self.register_outputs({"namespace": namespace.metadata.name})

    def _store(
        self, name: str, args: TenantArgs, namespace: Namespace, guards: list[pulumi.Resource]
    ) -> TenantStoreArgs | None:
        """The way to the secret store, where there is one and an agent has something in it."""
        if args.authority is None or not any(manifest.spec.secrets for manifest in args.versions):
            return None
        store = TenantStoreArgs(
            tenant=args.owner.tenant,
            namespace=namespace.metadata.name,
            labels=labels(args.owner),
            authority=args.authority,
            database=args.database,
        )
        guards.append(TenantStore(name, store, pulumi.ResourceOptions(parent=self)))
        return store

    def _object(self, args: TenantArgs, namespace: Namespace) -> CustomResource:
        """The tenant as the gateway's authoriser watches it."""
        tenant = args.owner.tenant
        return CustomResource(
            tenant,
            api_version=API_VERSION,
            kind="Tenant",
            metadata=ObjectMetaArgs(name=tenant, namespace=namespace.metadata.name, labels=labels(args.owner)),
            spec=args.spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True),
            opts=pulumi.ResourceOptions(parent=self),
        )


def _databases(args: TenantArgs) -> Sequence[str]:
    """Networks outside the cluster that a database of some agent's is in."""
    asked = any(secret.database for manifest in args.versions for secret in manifest.spec.secrets.values())
    return args.database.networks if asked and args.database is not None else ()


def _shares(agents: Sequence[TenantAgent]) -> dict[str, Share]:
    """What the gateway sends to candidates, by their agents."""
    return {
        agent.manifest.name: Share(
            manifest=agent.candidate.manifest,
            service=candidate_name(agent.manifest.name),
            percent=agent.candidate.percent,
        )
        for agent in agents
        if agent.candidate is not None
    }


def _quota(quota: Quota) -> ResourceQuotaSpecArgs:
    """Requests may not be above limits, so that what bounds the limits bounds both."""
    return ResourceQuotaSpecArgs(
        hard={
            "limits.cpu": format_cpu(quota.cpu),
            "limits.memory": format_bytes(quota.memory),
            "pods": str(quota.pods),
            "services.loadbalancers": "0",
            "persistentvolumeclaims": "0",
        }
    )


def _defaults() -> LimitRangeSpecArgs:
    """For containers that say nothing, such as ones that a person starts by hand."""
    return LimitRangeSpecArgs(
        limits=[
            LimitRangeItemArgs(
                type="Container",
                default={"cpu": "200m", "memory": "128Mi"},
                default_request={"cpu": "50m", "memory": "64Mi"},
            )
        ]
    )
