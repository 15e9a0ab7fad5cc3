"""What all tenants of an environment share: the platform's kinds, mesh, gateway and who is let through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from groundwork.errors import UserError
from local.record import Way
from stacks.dns_settings import DnsSettings

if TYPE_CHECKING:
    import pulumi

    from components.domains.kubernetes import KubernetesDomainsArgs
    from components.mesh import Charts


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much of each part there is; the defaults fit a cluster on this machine.

    `behind_balancer`: a load balancer ends TLS before the gateway, and reaches it on fixed ports of the nodes; names
    are kept outside the cluster.
    """

    istiod: int = 1
    mesh_mode: Literal["sidecar", "ambient"] = "sidecar"
    gateway: int = 2
    gateway_max: int = 2
    access: int = 2
    behind_balancer: bool = False


@dataclass(frozen=True, kw_only=True)
class Shared:
    """`environment`: its name; `domain`: tenants answer at its direct subdomains; `dns`: how those are kept.

    `images`: name → by digest. `way`: on a simulated node no pod runs, so nothing waits for one and no webhook is
    asked.
    """

    environment: str
    domain: str
    dns: DnsSettings
    images: Mapping[str, str]
    way: Way
    sizes: Sizes = Sizes()

    def declare(self, opts: pulumi.ResourceOptions) -> None:
        """Declare it all; each part depends on those before it that it cannot be without."""
        import pulumi

        from components.domains.kubernetes import KubernetesDomains
        from components.gateway.access import Access, AccessArgs
        from components.gateway.gateway import Gateway, GatewayArgs
        from components.mesh import ControlPlane, Mesh, MeshArgs
        from components.platform.crds import Platform, PlatformArgs

        def after(*resources: pulumi.Resource) -> pulumi.ResourceOptions:
            return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=list(resources)))

        simulated, sizes = self.way is Way.SIMULATED, self.sizes
        kinds = Platform("platform", PlatformArgs(environment=self.environment), opts)
        mesh = Mesh(
            "mesh",
            MeshArgs(
                environment=self.environment,
                charts=self._charts(),
                istiod=self._image("istiod"),
                proxy=self._image("proxy"),
                mode=sizes.mesh_mode,
                node_plugin=self.way is not Way.KUBECONFIG,
                simulated=simulated,
                control_plane=ControlPlane(replicas=sizes.istiod),
            ),
            opts,
        )
        gateway = Gateway(
            "gateway",
            GatewayArgs(
                environment=self.environment,
                domain=self.domain,
                charts=self._charts(),
                ratelimit_image=self._image("ratelimit"),
                redis_image=self._image("redis"),
                replicas=sizes.gateway,
                max_replicas=sizes.gateway_max,
                behind_balancer=sizes.behind_balancer,
                simulated=simulated,
            ),
            after(mesh.ready),
        )
        access = AccessArgs(
            environment=self.environment,
            image=self._image("authorizer"),
            opa_image=self._image("opa"),
            replicas=sizes.access,
            checks_name=not sizes.behind_balancer,
        )
        Access("access", access, after(mesh.ready, kinds, gateway.namespace))
        KubernetesDomains("domains", self._names(), after(mesh.ready, kinds, gateway.namespace))

    def _names(self) -> KubernetesDomainsArgs:
        from components.domains.interface import Zone
        from components.domains.kubernetes import AcmeArgs, KubernetesDomainsArgs

        dns, acme = self.dns, self.dns.acme
        return KubernetesDomainsArgs(
            environment=self.environment,
            zones=[Zone(name=self.domain), *(Zone(name=zone, tenant=tenant) for zone, tenant in dns.zones.items())],
            image=self._image("domains"),
            addresses=dns.addresses,
            dns_port=dns.port,
            nameservers=dns.nameservers,
            nameserver_addresses=dns.nameserver_addresses,
            acme=AcmeArgs(directory=acme.directory, contact=acme.contact) if acme else None,
            resolvers=dns.resolvers,
            public=not self.sizes.behind_balancer,
            simulated=self.way is Way.SIMULATED,
        )

    def _image(self, name: str) -> str:
        if name not in self.images:
            raise UserError(
                what=f"there is no image {name!r}",
                allowed=", ".join(sorted(self.images)) or "none is built yet",
                fix=f"groundwork images build {name}",
            )
        return self.images[name]

    def _charts(self) -> Charts:
        """Istio's charts come with its module, beside the programs that were built from it."""
        from components.mesh import Charts
        from local.paths import Paths
        from local.toolchain import CHARTS, PROGRAMS, pins

        folder = pins.folder(PROGRAMS[CHARTS[0]].pin, Paths.for_user().toolchain)
        return Charts(source=str(folder / "charts"))
