"""The table enforces what the API promises: examples, and any cluster against a reference."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given

from local.node_agent.objects import NetworkPolicy
from local.node_agent.plan import Cluster, plan
from tests.local.node_agent.interpreter import Run
from tests.local.node_agent.reference import Packet, allows
from tests.local.node_agent.samples import NODE, OUTSIDE, UNKNOWN, cluster, clusters, pod, policy

WEB = {"name": "web", "containerPort": 8080, "protocol": "TCP"}
CLIENT, SERVER, OTHER = "10.244.0.2", "10.244.0.3", "10.244.0.4"
TEAM = {"matchLabels": {"team": "two"}}


def passes(found: Cluster, source: str, target: str, port: int = 8080, protocol: str = "TCP") -> bool:
    return Run(plan(found), Packet(source, target, protocol, port), NODE).passes()


def small(*policies: NetworkPolicy, **extra: dict[str, str]) -> Cluster:
    """A client and a server in a, another pod in b."""
    pods = [
        pod("client", CLIENT, {"app": "client"}),
        pod("server", SERVER, {"app": "server"}, ports=[WEB]),
        pod("other", OTHER, {"app": "client"}, home="b"),
    ]
    return cluster(pods, policies, **extra)


@given(clusters())
def test_every_packet_goes_where_the_reference_lets_it(found: Cluster) -> None:
    table = plan(found)
    addresses = [NODE, UNKNOWN, *OUTSIDE, *found.placed]
    for source, target in itertools.product(addresses, addresses):
        if source == target and source not in found.placed:
            continue
        for protocol, port in itertools.product(("TCP", "UDP", "SCTP"), (53, 80, 8080)):
            packet = Packet(source, target, protocol, port)
            assert Run(table, packet, NODE).passes() == allows(found, packet, NODE), packet


def test_without_policies_known_pods_talk_and_unknown_addresses_do_not() -> None:
    found = small()
    assert passes(found, CLIENT, OTHER)
    assert passes(found, CLIENT, OUTSIDE[0])
    assert not passes(found, UNKNOWN, SERVER)
    assert not passes(found, CLIENT, UNKNOWN)
    assert not passes(found, UNKNOWN, NODE)
    assert not passes(found, UNKNOWN, OUTSIDE[0])


def test_a_policy_with_no_rules_closes_its_pods_to_all_but_the_node_and_themselves() -> None:
    found = small(policy(podSelector={"matchLabels": {"app": "server"}}, policyTypes=["Ingress", "Egress"]))
    assert not passes(found, CLIENT, SERVER)
    assert not passes(found, SERVER, CLIENT)
    assert not passes(found, SERVER, OUTSIDE[0])
    assert not passes(found, SERVER, NODE, 6443)
    assert passes(found, NODE, SERVER)
    assert passes(found, SERVER, SERVER)
    assert passes(found, CLIENT, OTHER)


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({}, {"Ingress"}),
        ({"egress": [{}]}, {"Ingress", "Egress"}),
        ({"egress": [{}], "policyTypes": ["Ingress"]}, {"Ingress"}),
        ({"ingress": [{}], "policyTypes": ["Egress"]}, {"Egress"}),
    ],
)
def test_directions_follow_from_the_rules_where_they_are_not_said(spec: dict[str, object], types: set[str]) -> None:
    assert NetworkPolicy.model_validate({"metadata": {"name": "p"}, "spec": spec}).types == types


def test_a_pod_selector_is_of_the_policys_namespace_only() -> None:
    found = small(policy(ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}]}]))
    assert passes(found, CLIENT, SERVER)
    assert not passes(found, OTHER, SERVER)


def test_two_selectors_in_one_peer_must_both_hold_and_in_two_peers_either() -> None:
    server = {"matchLabels": {"app": "server"}}
    both = small(policy(ingress=[{"from": [{"namespaceSelector": TEAM, "podSelector": server}]}]))
    either = small(policy(ingress=[{"from": [{"namespaceSelector": TEAM}, {"podSelector": server}]}]))
    assert not passes(both, OTHER, SERVER)
    assert passes(either, OTHER, SERVER)


def test_policies_add_up() -> None:
    first = policy("one", ingress=[{"from": [{"podSelector": {}}]}])
    second = policy("two", ingress=[{"from": [{"namespaceSelector": TEAM}], "ports": [{"port": 8080}]}])
    found = small(first, second)
    assert passes(found, CLIENT, SERVER)
    assert passes(found, OTHER, SERVER)
    assert not passes(found, OTHER, SERVER, 8081)


def test_both_ends_must_agree() -> None:
    closed = policy("out", home="b", policyTypes=["Egress"])
    opened = policy("in", ingress=[{"from": [{"namespaceSelector": TEAM}]}])
    assert passes(small(opened), OTHER, SERVER)
    assert not passes(small(opened, closed), OTHER, SERVER)


@pytest.mark.parametrize(("port", "through"), [(8080, True), (8081, False)])
def test_a_named_port_is_the_receivers(port: int, through: bool) -> None:
    inward = small(policy(ingress=[{"ports": [{"port": "web"}]}]))
    outward = small(policy(home="b", policyTypes=["Egress"], egress=[{"ports": [{"port": "web"}]}]))
    assert passes(inward, OTHER, SERVER, port) is through
    assert passes(outward, OTHER, SERVER, port) is through
    assert not passes(outward, OTHER, CLIENT, port)


@pytest.mark.parametrize(("port", "through"), [(29999, False), (30000, True), (32000, True), (32001, False)])
def test_a_port_range_has_both_its_ends(port: int, through: bool) -> None:
    found = small(policy(ingress=[{"ports": [{"port": 30000, "endPort": 32000}]}]))
    assert passes(found, OTHER, SERVER, port) is through


def test_overlapping_ranges_become_one() -> None:
    ports = [{"port": 80, "endPort": 90}, {"port": 85}, {"port": 91}]
    table = plan(small(policy(ingress=[{"ports": ports}])))
    assert any("tcp dport { 80-91 }" in rule for chain in table.chains.values() for rule in chain.rules)


def test_the_name_server_is_a_pod_of_kube_system_and_the_rest_of_the_node_is_not() -> None:
    dns = {"namespaceSelector": {"matchLabels": {"name": "kube-system"}}}
    found = small(policy(policyTypes=["Egress"], egress=[{"to": [dns]}]))
    assert passes(found, CLIENT, NODE, 53, "UDP")
    assert passes(found, CLIENT, NODE, 53, "TCP")
    assert not passes(found, CLIENT, NODE, 6443)
    api = small(policy(policyTypes=["Egress"], egress=[{"to": [{"ipBlock": {"cidr": f"{NODE}/32"}}]}]))
    assert passes(api, CLIENT, NODE, 6443)


def test_a_pod_that_ended_has_no_address() -> None:
    gone = pod("gone", SERVER, phase="Failed", created="2026-02-02T00:00:00Z")
    assert cluster([gone], []).placed == {}
    heir = pod("heir", SERVER, {"app": "heir"})
    assert cluster([gone, heir], []).placed == {SERVER: heir}


def test_of_two_pods_at_an_address_the_one_that_stays_has_it_and_then_the_newer() -> None:
    old, new = pod("old", SERVER), pod("new", SERVER, created="2026-02-02T00:00:00Z")
    leaving = pod("leaving", SERVER, created="2026-03-03T00:00:00Z", deleted="2026-03-03T00:00:09Z")
    assert cluster([new, leaving, old], []).placed == {SERVER: new}


def test_what_was_announced_holds_before_and_instead_of_what_the_server_knows() -> None:
    fresh, moved = pod("fresh", ""), pod("moved", CLIENT)
    announced = {SERVER: fresh.metadata.uid, OTHER: moved.metadata.uid, UNKNOWN: "nobody"}
    assert cluster([fresh, moved], [], announced=announced).placed == {SERVER: fresh, OTHER: moved}


@pytest.mark.parametrize("address", ["", "fd00::2", "no address"])
def test_a_pod_with_no_ipv4_address_is_not_placed(address: str) -> None:
    assert cluster([pod("odd", address)], []).placed == {}


def test_pods_have_no_ipv6_and_loopback_is_not_reached_from_outside() -> None:
    first = plan(small()).chains["first"]
    assert 'iifname "groundwork0" meta nfproto ipv6 drop' in first.rules
    assert 'iifname != "lo" ip daddr 127.0.0.0/8 drop' in first.rules


def test_rules_that_say_the_same_share_their_set() -> None:
    same = [policy(f"p{number}", ingress=[{"from": [{"namespaceSelector": TEAM}]}]) for number in range(5)]
    assert len([name for name in plan(small(*same)).sets if name.startswith("peers_")]) == 1
