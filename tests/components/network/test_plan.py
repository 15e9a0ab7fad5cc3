"""The planner of subnets, for every network and number of zones that it takes."""

from __future__ import annotations

import ipaddress
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.network.plan import Tier, overlaps, plan
from groundwork.errors import UserError

ZONES = ["eu-west-1a", "eu-west-1b", "eu-west-1c", "eu-west-1d"]


@st.composite
def vpcs(draw: st.DrawFn) -> str:
    prefix = draw(st.integers(16, 20))
    base = int(ipaddress.IPv4Address("10.0.0.0"))
    index = draw(st.integers(0, 2 ** (prefix - 8) - 1))
    return str(ipaddress.IPv4Network((base + index * 2 ** (32 - prefix), prefix)))


@given(vpcs(), st.integers(3, 4))
def test_subnets_are_inside_apart_and_one_of_each_tier_a_zone(vpc: str, count: int) -> None:
    subnets = plan(vpc, ZONES[:count])
    networks = [ipaddress.IPv4Network(subnet.network) for subnet in subnets]
    assert all(network.subnet_of(ipaddress.IPv4Network(vpc)) for network in networks)
    assert not any(one.overlaps(other) for one, other in combinations(networks, 2))
    assert sorted((subnet.zone, subnet.tier) for subnet in subnets) == sorted(
        (zone, tier) for zone in ZONES[:count] for tier in Tier
    )


@given(vpcs(), st.integers(3, 4))
def test_a_tier_is_as_large_in_every_zone_and_private_is_the_largest(vpc: str, count: int) -> None:
    sizes: dict[Tier, set[int]] = {tier: set() for tier in Tier}
    for subnet in plan(vpc, ZONES[:count]):
        sizes[subnet.tier].add(ipaddress.IPv4Network(subnet.network).num_addresses)
    assert all(len(found) == 1 for found in sizes.values())
    assert max(sizes[Tier.DATA]) < max(sizes[Tier.PUBLIC]) < max(sizes[Tier.PRIVATE])
    assert min(sizes[Tier.DATA]) >= 128  # AWS keeps five of each


@given(vpcs())
def test_a_fourth_zone_moves_no_subnet(vpc: str) -> None:
    assert plan(vpc, ZONES)[:9] == plan(vpc, ZONES[:3])


@given(vpcs(), vpcs())
def test_an_overlap_is_found_both_ways(one: str, other: str) -> None:
    really = bool(ipaddress.ip_network(one).overlaps(ipaddress.ip_network(other)))
    assert (overlaps(one, [other]) == [other]) is really
    assert (overlaps(other, [one]) == [one]) is really


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("10.0.0.0/15", "10.0.0.0/15 cannot"),
        ("10.0.0.0/21", "10.0.0.0/21 cannot"),
        ("8.8.0.0/16", "8.8.0.0/16 cannot"),
        ("10.0.0.1/16", "'10.0.0.1/16' is not"),
        ("fd00::/56", "'fd00::/56' is not"),
    ],
)
def test_a_network_that_cannot_be_a_vpc_is_named(network: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        plan(network, ZONES[:3])
    assert said in caught.value.what
    assert "/16 and /20" in str(caught.value.allowed)


@pytest.mark.parametrize("zones", [[], ZONES[:2], [*ZONES, "eu-west-1e"], ["eu-west-1a"] * 3])
def test_zones_that_do_not_serve_are_refused(zones: list[str]) -> None:
    with pytest.raises(UserError, match="zones"):
        plan("10.0.0.0/16", zones)
