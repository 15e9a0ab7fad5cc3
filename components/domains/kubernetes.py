"""Domains in a cluster: a zone server and an operator in each of two pods.  (docs/domains.md)"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.core.v1 import (
    ConfigMap,
    ConfigMapVolumeSourceArgs,
    EmptyDirVolumeSourceArgs,
    EnvVarArgs,
    Namespace,
    ResourceRequirementsArgs,
    Service,
    ServiceAccount,
    ServicePortArgs,
    ServiceSpecArgs,
    VolumeArgs,
    VolumeMountArgs,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget
from pydantic import JsonValue

from components.account_token import openbao_mount, openbao_volume, token_mount, token_volume
from components.domains.interface import Domains, Zone, check_zones
from components.domains.names import NAME, NAMESPACE, SELECTOR
from components.domains.rights import DNS_PORT, HTTP_PORT, METRICS_PORT, network, rights
from components.gateway.filters import WORKLOAD
from components.gateway.gateway import CIPHERS
from components.labels import platform_labels, pod_security
from components.mesh import GATEWAY, INJECTION, Door, allow
from components.mesh.names import GATEWAY_NAMESPACE, service_host
from components.network_policies import closed
from components.secrets.names import API_PORT as OPENBAO_PORT
from components.units import HostPort
from components.workload import BesideArgs, ServerArgs, deployment_spec, one_at_a_time, refuse_other_than_digest
from groundwork.errors import UserError

OPERATOR, SERVERS, PUBLIC = "operator", "zone-servers", "zones"
CREDENTIAL = "wildcard"
READY_PORT, RESOLVER_PORT = 8181, 5300
ZONES = "/zones"


@dataclass(frozen=True, kw_only=True)
class AcmeArgs:
    """An authority that speaks ACME. `directory`: its https URL; `contact`: who is told of trouble, an address."""

    directory: str
    contact: str | None = None

    def __post_init__(self) -> None:
        if urlsplit(self.directory).scheme != "https":
            raise UserError(what=f"acme: {self.directory!r} is no directory of an authority", allowed="an https URL")

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.directory).port or 443


@dataclass(frozen=True, kw_only=True)
class KubernetesDomainsArgs:
    """What the zones and certificates of a cluster need.

    `zones`: the environment's own first. `image`: by digest. `addresses`: the gateway's, as clients reach it.
    `dns_port`: where the load balancer takes questions. `nameservers`: names of the zone servers, `ns1.<first zone>` at
    `nameserver_addresses` if none is given. `acme`: None means the platform's own certificate authority. `resolvers`:
    who is asked for proofs, where the zones are delegated; none means what the pod's own resolver knows, and our zones.
    `public`: the zones are asked from outside; False where another server keeps them. `simulated`: no pod runs, so
    nothing waits for one.
    """

    environment: str
    zones: Sequence[Zone]
    image: pulumi.Input[str]
    addresses: Sequence[str]
    dns_port: int = 53
    nameservers: Sequence[str] = ()
    nameserver_addresses: Sequence[str] = ()
    acme: AcmeArgs | None = None
    resolvers: Sequence[HostPort] = ()
    replicas: int = 2
    public: bool = True
    simulated: bool = False

    def __post_init__(self) -> None:
        refuse_other_than_digest(self.image)
        check_zones(self.zones)
        if not self.addresses:
            raise UserError(what="addresses: the gateway has none", allowed="at least one IP address")


class KubernetesDomains(Domains):
    """CoreDNS serves the zones, the operator writes them and gets certificates into the gateway's namespace.

    Every replica serves; one of them leads. Needs the gateway's namespace and the platform's kinds to be there.
    """

    def __init__(self, name: str, args: KubernetesDomainsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("groundwork:domains:KubernetesDomains", name, None, opts)
        self._args = args
        namespace = self._namespace()
        inside = pulumi.ResourceOptions(parent=self, depends_on=[namespace])
        account = ServiceAccount(NAME, metadata=self._meta(NAME), automount_service_account_token=False, opts=inside)
        guards: list[pulumi.Resource] = [
            *rights(account, self._labels(), inside),
            NetworkPolicy(
                NAME,
                metadata=self._meta(NAME),
                spec=network([args.acme.port] if args.acme is not None else []),
                opts=inside,
            ),
            # Whatever else may come to stand in this namespace is closed until somebody opens it.
            NetworkPolicy(f"{NAME}-closed", metadata=self._meta(f"{NAME}-closed"), spec=closed(), opts=inside),
            allow(
                f"{NAME}-callers",
                self._meta(NAME),
                [Door(sources=[GATEWAY], ports=[HTTP_PORT])],
                selector=SELECTOR,
                opts=inside,
            ),
        ]
        self._services(inside)
        self._deployment(account, pulumi.ResourceOptions(parent=self, depends_on=guards))
        self.nameservers = pulumi.Output.from_input(list(args.nameservers) or [f"ns1.{args.zones[0].name}"])
        self.certificate = pulumi.Output.from_input(CREDENTIAL)
        self.register_outputs({"nameservers": self.nameservers, "certificate": self.certificate})

    def _namespace(self) -> Namespace:
        meta = ObjectMetaArgs(name=NAMESPACE, labels=self._labels() | pod_security() | INJECTION)
        return Namespace(NAMESPACE, metadata=meta, opts=pulumi.ResourceOptions(parent=self))

    def _services(self, opts: pulumi.ResourceOptions) -> None:
        def dns(port: int) -> list[ServicePortArgs]:
            return [
                ServicePortArgs(name=f"dns-{protocol.lower()}", port=port, target_port=DNS_PORT, protocol=protocol)
                for protocol in ("UDP", "TCP")
            ]

        http = ServicePortArgs(name="http", port=HTTP_PORT, target_port=HTTP_PORT, app_protocol="http")
        notes = {"pulumi.com/skipAwait": "true"} if self._args.simulated else None
        specs = {
            PUBLIC: ServiceSpecArgs(
                type="LoadBalancer" if self._args.public else "ClusterIP",
                selector=SELECTOR,
                ports=dns(self._args.dns_port),
            ),
            SERVERS: ServiceSpecArgs(cluster_ip="None", selector=SELECTOR, ports=dns(DNS_PORT)),
            OPERATOR: ServiceSpecArgs(selector=SELECTOR, ports=[http]),
        }
        for name, spec in specs.items():
            meta = self._meta(name, notes if name == PUBLIC else None)
            Service(f"{NAME}-{name}", metadata=meta, spec=spec, opts=opts)
        PodDisruptionBudget(NAME, metadata=self._meta(NAME), spec=one_at_a_time(SELECTOR), opts=opts)

    def _settings(self) -> str:
        """What the operator reads (images/domains/domains_operator/settings.py)."""
        args = self._args
        resolvers = args.resolvers or [HostPort("127.0.0.1", RESOLVER_PORT)]
        settings: dict[str, JsonValue] = {
            "zones": [{"name": zone.name, "tenant": zone.tenant} for zone in args.zones],
            "addresses": [*args.addresses],
            "nameservers": [*args.nameservers],
            "nameserverAddresses": [*args.nameserver_addresses],
            "issuer": "own" if args.acme is None else "acme",
            "resolvers": [{"host": each.host, "port": each.port} for each in resolvers],
            "servers": [{"host": service_host(SERVERS, NAMESPACE), "port": DNS_PORT}],
            "ownServer": {"host": "127.0.0.1", "port": DNS_PORT},
            "namespace": NAMESPACE,
            "gatewayNamespace": GATEWAY_NAMESPACE,
            "gatewaySelector": dict(WORKLOAD),
            "cipherSuites": [*CIPHERS],
            "zoneFolder": ZONES,
            "port": HTTP_PORT,
            "metricsPort": METRICS_PORT,
        }
        if args.acme is not None:
            settings["acme"] = {"directory": args.acme.directory, "contact": args.acme.contact}
        return json.dumps(settings, indent=2, sort_keys=True)

    def _config(self, opts: pulumi.ResourceOptions) -> ConfigMap:
        """Under a name that changes with it: pods that run keep theirs until they are replaced."""
        text = self._settings()
        meta = self._meta(f"settings-{hashlib.sha256(text.encode()).hexdigest()[:10]}")
        return ConfigMap(f"{NAME}-settings", metadata=meta, immutable=True, data={"settings.json": text}, opts=opts)

    def _deployment(self, account: ServiceAccount, opts: pulumi.ResourceOptions) -> Deployment:
        outside = sorted({53, DNS_PORT, 443, 6443, OPENBAO_PORT, *([self._args.acme.port] if self._args.acme else [])})
        notes = {
            # DNS has no TLS, and its clients no identity. The others have TLS of their own.
            "traffic.sidecar.istio.io/excludeInboundPorts": str(DNS_PORT),
            "traffic.sidecar.istio.io/excludeOutboundPorts": ",".join(map(str, outside)),
        }
        return Deployment(
            NAME,
            metadata=self._meta(NAME),
            spec=deployment_spec(
                self._server(account, self._config(opts)),
                ObjectMetaArgs(labels=self._labels(), annotations=notes),
                replicas=self._args.replicas,
            ),
            opts=opts,
        )

    def _server(self, account: ServiceAccount, config: ConfigMap) -> ServerArgs:
        return ServerArgs(
            name=OPERATOR,
            image=self._args.image,
            service_account=account.metadata.name,
            selector=SELECTOR,
            ports={"http": HTTP_PORT, "metrics": METRICS_PORT},
            resources=_amounts(memory="128Mi", limit="384Mi"),
            drain_seconds=5,
            volumes=[
                VolumeArgs(name="zones", empty_dir=EmptyDirVolumeSourceArgs(size_limit="64Mi")),
                VolumeArgs(name="settings", config_map=ConfigMapVolumeSourceArgs(name=config.metadata.name)),
                token_volume(),
                openbao_volume(),
            ],
            mounts=[
                VolumeMountArgs(name="zones", mount_path=ZONES),
                VolumeMountArgs(name="settings", mount_path="/etc/domains", read_only=True),
                token_mount(),
                openbao_mount(),
            ],
            beside=[self._zone_server()],
        )

    def _zone_server(self) -> BesideArgs:
        variables = {"ZONES": ZONES, "READY": f":{READY_PORT}", "RESOLVER_PORT": str(RESOLVER_PORT)}
        return BesideArgs(
            name="zone-server",
            image=self._args.image,
            command=["/usr/local/bin/coredns"],
            arguments=["-conf", "/etc/coredns/Corefile", "-dns.port", str(DNS_PORT)],
            env=[EnvVarArgs(name=name, value=value) for name, value in variables.items()],
            resources=_amounts(memory="64Mi", limit="256Mi"),
            alive=("/ready", READY_PORT),
            mounts=[VolumeMountArgs(name="zones", mount_path=ZONES, read_only=True)],
        )

    def _labels(self) -> dict[str, str]:
        return platform_labels(self._args.environment, NAME)

    def _meta(self, name: str, annotations: dict[str, str] | None = None) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=name, namespace=NAMESPACE, labels=self._labels(), annotations=annotations)


def _amounts(*, memory: str, limit: str) -> ResourceRequirementsArgs:
    # Each takes 2 to 6m where nothing happens; what it needs more, for a moment, is below its limit.
    return ResourceRequirementsArgs(requests={"cpu": "20m", "memory": memory}, limits={"cpu": "1", "memory": limit})
