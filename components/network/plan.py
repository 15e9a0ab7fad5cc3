"""Which subnet has which addresses: a plan from the VPC's network and its zones.  (docs/network.md)"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from groundwork.errors import UserError

# Each zone has a quarter of the VPC whether or not there is a fourth, so that adding one moves no subnet.
ZONE_SLOTS = 4
MIN_ZONES = 3
SMALLEST, LARGEST = 20, 16
ALLOWED = f"an IPv4 network of private addresses between /{LARGEST} and /{SMALLEST}, such as 10.20.0.0/16"


class Tier(StrEnum):
    """What a subnet is for: load balancers and NAT; nodes, pods and tasks; databases and caches, with no way out."""

    PUBLIC = "public"
    PRIVATE = "private"
    DATA = "data"


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """One subnet. `network`: its CIDR."""

    tier: Tier
    zone: str
    network: str


def plan(network: str, zones: Sequence[str]) -> list[Subnet]:
    """Three subnets a zone: of its quarter half private, a quarter public, an eighth data, an eighth spare.

    A zone's subnets depend on its place in `zones` only. Raises UserError where the network or the zones do not serve.
    """
    vpc = vpc_network(network)
    _check_zones(zones)
    quarters = list(vpc.subnets(prefixlen_diff=2))
    return [subnet for zone, quarter in zip(zones, quarters, strict=False) for subnet in _zone(zone, quarter)]


def vpc_network(value: str) -> ipaddress.IPv4Network:
    """The network of a VPC. Raises UserError."""
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError:
        raise UserError(what=f"cidr: {value!r} is not an IPv4 network", allowed=ALLOWED) from None
    if not network.is_private or not LARGEST <= network.prefixlen <= SMALLEST:
        raise UserError(what=f"cidr: {value} cannot be a VPC's here", allowed=ALLOWED)
    return network


def overlaps(network: str, others: Iterable[str]) -> list[str]:
    """Those of `others` that share an address with `network`."""
    own = ipaddress.ip_network(network)
    return [other for other in others if own.overlaps(ipaddress.ip_network(other))]


def _zone(zone: str, quarter: ipaddress.IPv4Network) -> list[Subnet]:
    private, rest = quarter.subnets()
    public, last = rest.subnets()
    data, _spare = last.subnets()
    return [
        Subnet(tier=tier, zone=zone, network=str(network))
        for tier, network in ((Tier.PUBLIC, public), (Tier.PRIVATE, private), (Tier.DATA, data))
    ]


def _check_zones(zones: Sequence[str]) -> None:
    double = next((zone for zone in zones if zones.count(zone) > 1), None)
    if double is not None:
        raise UserError(what=f"zones: {double} stands twice", allowed="zones that differ")
    if not MIN_ZONES <= len(zones) <= ZONE_SLOTS:
        allowed = f"{MIN_ZONES} or {ZONE_SLOTS} zones: two cannot lose one and keep a majority"
        raise UserError(what=f"zones: there are {len(zones)} ({', '.join(zones) or 'none'})", allowed=allowed)
