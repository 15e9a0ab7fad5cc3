"""From the gateway to one tenant's agents.  (docs/gateway.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import JsonValue

from components.agents.manifest import AgentManifest
from components.gateway.edge import Config
from components.gateway.filters import tenant_filter
from components.gateway.gateway import PUBLIC
from components.labels import Owner, labels
from components.mesh import traffic
from components.mesh.istio import istio
from components.mesh.names import GATEWAY_NAMESPACE, service_host

# The domains operator's Gateway for a tenant's own names (docs/domains.md).
CUSTOM = f"{GATEWAY_NAMESPACE}/domains-{{tenant}}"


@dataclass(frozen=True, kw_only=True)
class Share:
    """A candidate's part of its agent's requests. `service`: of the candidate; `percent`: 0 to 100."""

    manifest: AgentManifest
    service: str
    percent: int


@dataclass(frozen=True, kw_only=True)
class TenantRouteArgs:
    """What the gateway must know of a tenant.

    `hosts`: its names at the gateway's own server: the one below the environment's domain, and those of its own that
    a load balancer has the certificates of. `requests_per_second`: its limit over all replicas of the gateway;
    None for none. `shares`: by the agents that have a candidate.
    """

    owner: Owner
    namespace: pulumi.Input[str]
    hosts: Sequence[str]
    agents: Sequence[AgentManifest] = ()
    shares: Mapping[str, Share] = field(default_factory=dict)
    requests_per_second: int | None = None


class TenantRoute(pulumi.ComponentResource):
    """`https://<one of hosts>/agents/<agent>/…` → the agent's Service, at its path without `/agents/<agent>`."""

    def __init__(self, name: str, args: TenantRouteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:gateway:TenantRoute", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        tenant = args.owner.tenant
        routes = [_route(agent, tenant, args.shares.get(agent.name)) for agent in args.agents]
        own = CUSTOM.format(tenant=tenant)
        if routes:
            # The second also without custom hosts: one may be added with no run of the stack (`groundwork domain add`).
            bound = {"gateway": (args.hosts, PUBLIC), "gateway-domains": (["*"], own)}
            for called, (hosts, gateway) in bound.items():
                spec: Config = {"hosts": [*hosts], "gateways": [gateway], "http": [*routes]}
                istio("VirtualService", f"{name}-{called}", _meta(args, called, args.namespace), spec, child)
        # In the gateway's namespace, as it is the gateway's pods that it is for; it is named after the tenant.
        meta = _meta(args, f"tenant-{tenant}", GATEWAY_NAMESPACE)
        istio("EnvoyFilter", f"{name}-limit", meta, tenant_filter(args.hosts, own, args.requests_per_second), child)
        self.register_outputs({})


def _meta(args: TenantRouteArgs, name: str, namespace: pulumi.Input[str]) -> ObjectMetaArgs:
    return ObjectMetaArgs(name=name, namespace=namespace, labels=labels(args.owner))


def _route(agent: AgentManifest, namespace: str, share: Share | None) -> JsonValue:
    """To the agent, and to its candidate the share that it has: each request goes to one of the two by chance."""
    to: list[JsonValue] = [{"destination": {"host": service_host(agent.name, namespace)}}]
    allowed = traffic.timeout(agent)
    if share is not None:
        to = [
            {"destination": {"host": service_host(agent.name, namespace)}, "weight": 100 - share.percent},
            {"destination": {"host": service_host(share.service, namespace)}, "weight": share.percent},
        ]
        allowed = max(allowed, traffic.timeout(share.manifest))
    return {
        "name": agent.name,
        "match": [{"uri": {"prefix": f"/agents/{agent.name}/"}}],
        "rewrite": {"uri": "/"},
        "route": to,
        "timeout": traffic.seconds(allowed),
        "retries": dict(traffic.RETRIES),
        "headers": dict(traffic.RETRY_HEADERS),
    }
