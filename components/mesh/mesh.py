"""The service mesh of an environment: Istio from its own charts, closed by default.  (docs/mesh.md)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import pulumi
from pulumi_kubernetes.core.v1 import NamespacePatch
from pulumi_kubernetes.helm.v4 import Chart, RepositoryOptsArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs, ObjectMetaPatchArgs
from pydantic import JsonValue

from components.labels import platform_labels, pod_security
from components.mesh import traffic
from components.mesh.barrier import Barrier, BarrierArgs
from components.mesh.charts import Charts, ControlPlane, Istiod, Values, base_values, istiod_values, size_own_volumes
from components.mesh.egress import collector
from components.mesh.istio import istio
from components.mesh.names import GATEWAY_NAMESPACE, NAMESPACE, service_host
from components.units import HostPort
from components.workload import refuse_other_than_digest

_AUTHORIZER = HostPort(host=service_host("authorizer", GATEWAY_NAMESPACE), port=9000)


@dataclass(frozen=True, kw_only=True)
class MeshArgs:
    """What the mesh needs. Images by digest.

    `mode`: `ambient` needs a cluster whose nodes run ztunnel, with the proxy that Istio itself ships. `node_plugin`:
    the cluster's nodes have istio-cni of their own (the local node does); otherwise Istio's chart installs it.
    `simulated`: no pod runs, so there is no webhook and nothing to wait for.
    """

    environment: str
    charts: Charts
    istiod: pulumi.Input[str]
    proxy: pulumi.Input[str]
    mode: Literal["sidecar", "ambient"] = "sidecar"
    node_plugin: bool = True
    simulated: bool = False
    authorizer: HostPort = _AUTHORIZER
    control_plane: ControlPlane = field(default_factory=ControlPlane)

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.istiod)
        refuse_other_than_digest(self.proxy)


class Mesh(pulumi.ComponentResource):
    """istiod, and what holds for every pod: strict mTLS, nothing allowed that no policy allows, no unknown egress.

    `ready`: what is to be depended on; passed when a pod can join the mesh.
    """

    ready: pulumi.Resource

    def __init__(self, name: str, args: MeshArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:mesh:Mesh", name, None, opts)
        self._name, self._args = name, args
        namespace = NamespacePatch(name, metadata=self._namespace_meta(), opts=self._child())
        base = self._chart("base", base_values(simulated=args.simulated), namespace)
        before: list[pulumi.Resource] = [base]
        if not args.node_plugin and not args.simulated:
            before.append(self._chart("cni", _cni_values(args.mode), base))
        if args.mode == "ambient":
            before.append(self._chart("ztunnel", {}, base))
        given = Istiod(
            image=args.istiod,
            proxy=args.proxy,
            plane=args.control_plane,
            authorizer=args.authorizer,
            mode=args.mode,
            simulated=args.simulated,
        )
        istiod = self._chart("istiod", istiod_values(given), *before, transforms=[size_own_volumes])
        self.ready = self._barrier(istiod)
        self._rules()
        self.register_outputs({})

    def _chart(
        self, chart: str, values: Values, *after: pulumi.Resource, transforms: Sequence[pulumi.ResourceTransform] = ()
    ) -> Chart:
        charts = self._args.charts
        return Chart(
            f"{self._name}-{chart}",
            chart=charts.chart(chart),
            name=chart,
            namespace=NAMESPACE,
            version=charts.version,
            repository_opts=RepositoryOptsArgs(repo=charts.source) if charts.remote else None,
            values=values,
            resource_prefix=f"{self._name}-{chart}",
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(after), transforms=list(transforms)),
        )

    def _barrier(self, istiod: Chart) -> pulumi.Resource:
        if self._args.simulated:
            return istiod
        args = BarrierArgs(proxy=self._args.proxy, labels=platform_labels(self._args.environment, "mesh"))
        return Barrier(f"{self._name}-ready", args, self._child(istiod))

    def _rules(self) -> None:
        """In the root namespace, a policy holds for every namespace."""
        after = self._child(self.ready)
        istio("PeerAuthentication", self._name, self._meta("default"), {"mtls": {"mode": "STRICT"}}, after)
        istio("AuthorizationPolicy", self._name, self._meta("default-deny"), {}, after)
        own: list[JsonValue] = ["./*", f"{NAMESPACE}/*", collector()]
        istio("Sidecar", self._name, self._meta("default"), {"egress": [{"hosts": own}]}, after)
        istio("EnvoyFilter", f"{self._name}-unreached", self._meta("unreached"), traffic.unreached_filter(), after)

    def _meta(self, name: str) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=name, namespace=NAMESPACE, labels=platform_labels(self._args.environment, "mesh"))

    def _namespace_meta(self) -> ObjectMetaPatchArgs:
        """It is there before the mesh is, as the root's Secret is in it (local/authority)."""
        level = "restricted" if self._args.node_plugin else "privileged"
        own = platform_labels(self._args.environment, "mesh") | pod_security(level)
        return ObjectMetaPatchArgs(name=NAMESPACE, labels=own)

    def _child(self, *after: pulumi.Resource) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, depends_on=list(after))


def _cni_values(mode: Literal["sidecar", "ambient"]) -> Values:
    return {"profile": "ambient" if mode == "ambient" else "", "global": {"istioNamespace": NAMESPACE}}
