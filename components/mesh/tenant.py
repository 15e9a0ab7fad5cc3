"""A tenant's part of the mesh.  (docs/mesh.md)"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.labels import Owner, labels
from components.mesh.access import GATEWAY, Door, Source, allow
from components.mesh.egress import DATABASE_PORT, by_network, entries, window
from components.mesh.istio import istio
from components.mesh.names import OBSERVABILITY_NAMESPACE
from components.units import HostPort


@dataclass(frozen=True, kw_only=True)
class TenantMeshArgs:
    """What the mesh must know of a tenant. `egress`: what any of its agents declares. `databases`: the networks of one
    outside.

    `scrapers`: who may read the metrics on `metrics_port`.
    """

    owner: Owner
    namespace: pulumi.Input[str]
    egress: Sequence[HostPort] = ()
    databases: Sequence[str] = ()
    scrapers: Sequence[Source] = (Source(namespace=OBSERVABILITY_NAMESPACE, account="prometheus"),)
    metrics_port: int = 9090


class TenantMesh(pulumi.ComponentResource):
    """A tenant's doors and windows: its own pods and the gateway come in, only what is declared goes out.

    Where the tenant's namespace has no Sidecar of an agent, its pods see their own namespace and istiod.
    """

    def __init__(self, name: str, args: TenantMeshArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:mesh:TenantMesh", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        tenant = args.owner.tenant

        def meta(called: str) -> ObjectMetaArgs:
            return ObjectMetaArgs(name=called, namespace=args.namespace, labels=labels(args.owner))

        doors = [
            Door(sources=[Source(namespace=tenant), GATEWAY]),
            Door(sources=args.scrapers, ports=[args.metrics_port]),
        ]
        allow(name, meta("tenant"), doors, opts=child)
        istio("Sidecar", name, meta("default"), window(tenant), child)
        for host, spec in entries(args.egress).items():
            called = f"egress-{hashlib.sha256(host.encode()).hexdigest()[:10]}"
            istio("ServiceEntry", f"{name}-{called}", meta(called), spec, child)
        if args.databases:
            istio(
                "ServiceEntry", f"{name}-database", meta("database"), by_network(args.databases, DATABASE_PORT), child
            )
        self.register_outputs({})
