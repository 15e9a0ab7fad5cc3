"""An agent's part of the mesh: whom it sees, and how calls to it are held in bounds.  (docs/mesh.md)"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pydantic import JsonValue

from components.agents.manifest import AgentManifest
from components.mesh import traffic
from components.mesh.egress import BY_NETWORK, DATABASE_PORT, window
from components.mesh.istio import istio
from components.units import HostPort


@dataclass(frozen=True, kw_only=True)
class AgentMeshArgs:
    """`meta`: as the agent's other objects have it; `selector`: what finds its pods; `namespace`: the tenant's.

    `service`: the name of the Service that this is about. `databases`: networks outside of a database of its own.
    """

    manifest: AgentManifest
    service: str
    namespace: str
    meta: ObjectMetaArgs
    selector: Mapping[str, str]
    databases: Sequence[str] = ()


class AgentMesh(pulumi.ComponentResource):
    """An agent's Sidecar (its own egress and no other agent's), and its tier's traffic defaults."""

    def __init__(self, name: str, args: AgentMeshArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:mesh:AgentMesh", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        own: dict[str, JsonValue] = {"workloadSelector": {"labels": dict(args.selector)}}
        outside = [HostPort(BY_NETWORK, DATABASE_PORT)] if args.databases else []
        seen = [*args.manifest.spec.egress, *outside]
        istio("Sidecar", name, args.meta, own | window(args.namespace, seen), child)
        istio(
            "DestinationRule", name, args.meta, traffic.destination(args.manifest, args.namespace, args.service), child
        )
        istio("VirtualService", name, args.meta, traffic.route(args.manifest, args.namespace, args.service), child)
        self.register_outputs({})
