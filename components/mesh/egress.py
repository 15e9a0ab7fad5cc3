"""What is reached outside a tenant: entries for the mesh's registry, and the network policy that goes with sidecars."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from pulumi_kubernetes.meta.v1 import LabelSelectorArgs
from pulumi_kubernetes.networking.v1 import (
    NetworkPolicyEgressRuleArgs,
    NetworkPolicyPeerArgs,
    NetworkPolicyPortArgs,
)
from pydantic import JsonValue

from components.mesh.names import (
    CLUSTER_DOMAIN,
    COLLECTOR,
    COLLECTOR_PORTS,
    NAMESPACE,
    OBSERVABILITY_NAMESPACE,
    XDS_PORT,
    service_host,
)
from components.units import HostPort

# What the registry calls that entry; nobody asks for this name.
BY_NETWORK, DATABASE_PORT = "databases.network.internal", 5432
_PROTOCOLS = {80: "HTTP", 443: "TLS"}


def inside(host: str) -> str | None:
    """The whole name of a Service that the host is (`name.namespace.svc`, with or without the cluster's domain)."""
    labels = host.split(".")
    if labels[2:] in (["svc"], ["svc", *CLUSTER_DOMAIN.split(".")]):
        return f"{labels[0]}.{labels[1]}.svc.{CLUSTER_DOMAIN}"
    return None


def entries(addresses: Iterable[HostPort]) -> dict[str, dict[str, JsonValue]]:
    """Host → spec of its ServiceEntry, for each host outside the cluster; all its ports in one.

    443 is TLS, which passes through by its server name; 80 is HTTP; any other port is TCP. A host that is an IPv4
    address is matched by it.
    """
    ports: dict[str, set[int]] = {}
    for address in addresses:
        if inside(address.host) is None:
            ports.setdefault(address.host, set()).add(address.port)
    return {host: _entry(host, sorted(found)) for host, found in sorted(ports.items())}


def _entry(host: str, ports: Sequence[int]) -> dict[str, JsonValue]:
    known = [(port, _PROTOCOLS.get(port, "TCP")) for port in ports]
    listed: list[JsonValue] = [
        {"number": port, "name": f"{protocol.lower()}-{port}", "protocol": protocol} for port, protocol in known
    ]
    common: dict[str, JsonValue] = {"location": "MESH_EXTERNAL", "exportTo": ["."], "ports": listed}
    try:
        address = str(ipaddress.IPv4Address(host))
    except ValueError:
        return {"hosts": [host], "resolution": "DNS", **common}
    return {
        "hosts": [entry_host(host)],
        "addresses": [address],
        "resolution": "STATIC",
        "endpoints": [{"address": address}],
        **common,
    }


def entry_host(host: str) -> str:
    """The name that a host goes by in the registry: an address has none of its own."""
    try:
        return f"{str(ipaddress.IPv4Address(host)).replace('.', '-')}.address.internal"
    except ValueError:
        return host


def by_network(networks: Sequence[str], port: int) -> dict[str, JsonValue]:
    """The spec of a ServiceEntry for whatever is in some networks on one port, by whatever name it was found."""
    return {
        "hosts": [BY_NETWORK],
        "addresses": [*networks],
        "ports": [{"number": port, "name": f"tcp-{port}", "protocol": "TCP"}],
        "location": "MESH_EXTERNAL",
        "resolution": "NONE",
        "exportTo": ["."],
    }


def window(namespace: str, addresses: Iterable[HostPort] = ()) -> dict[str, JsonValue]:
    """The spec of a Sidecar that sees the namespace's own Services, istiod, and what is declared."""
    hosts = {f"./*.{namespace}.svc.{CLUSTER_DOMAIN}", f"{NAMESPACE}/*", collector()}
    for address in addresses:
        service = inside(address.host)
        hosts.add(f"./{entry_host(address.host)}" if service is None else f"{service.split('.')[1]}/{service}")
    listed: list[JsonValue] = [*sorted(hosts)]
    return {"egress": [{"hosts": listed}]}


def collector() -> str:
    """Where spans go, as a Sidecar names it: there whether or not the environment has its observability layer."""
    return f"{OBSERVABILITY_NAMESPACE}/{service_host(COLLECTOR, OBSERVABILITY_NAMESPACE)}"


def mesh_egress() -> list[NetworkPolicyEgressRuleArgs]:
    """The rules that every pod with a sidecar needs: istiod (certificates, configuration), DNS, and where spans go."""
    return [
        NetworkPolicyEgressRuleArgs(
            to=[_namespace(NAMESPACE)], ports=[NetworkPolicyPortArgs(protocol="TCP", port=XDS_PORT)]
        ),
        NetworkPolicyEgressRuleArgs(
            to=[_namespace("kube-system")],
            ports=[NetworkPolicyPortArgs(protocol=protocol, port=53) for protocol in ("UDP", "TCP")],
        ),
        NetworkPolicyEgressRuleArgs(
            to=[_namespace(OBSERVABILITY_NAMESPACE)],
            ports=[NetworkPolicyPortArgs(protocol="TCP", port=port) for port in COLLECTOR_PORTS],
        ),
    ]


def _namespace(name: str) -> NetworkPolicyPeerArgs:
    selector = LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": name})
    return NetworkPolicyPeerArgs(namespace_selector=selector)
