"""From the cluster's objects to the nftables table that enforces its network policies. Pure: nothing is read or run.

A packet that opens a connection passes two base chains on its way to a pod: one for what the sender may send, one for
what the receiver may receive. `accept` in one goes on to the other; `drop` ends it. The first hands a sender that some
policy isolates to a chain of its policies, found by its address; the second does so for the receiver.
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from local.node_agent import ranges
from local.node_agent.objects import Block, Namespace, NetworkPolicy, Peer, Pod, Port, Rule
from local.node_agent.table import Chain, Set, Table

EVERY_ADDRESS = ((0, 2**32 - 1),)
ADDRESS, ADDRESS_PORT, ADDRESSES = "ipv4_addr", "ipv4_addr . inet_service", "ipv4_addr . ipv4_addr"


@dataclass(frozen=True, kw_only=True)
class NodePart:
    """A part of the cluster that runs as a process of the node: policies see it as a pod with just these ports.

    `ports`: number, protocol and name of each.
    """

    namespace: str
    labels: Mapping[str, str]
    address: str
    ports: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """What is planned from. `announced`: pod uid by address, which holds whatever the API server knows of addresses."""

    bridge: str
    namespaces: Sequence[Namespace] = ()
    pods: Sequence[Pod] = ()
    policies: Sequence[NetworkPolicy] = ()
    parts: Sequence[NodePart] = ()
    announced: Mapping[str, str] = field(default_factory=dict)

    @functools.cached_property
    def labels(self) -> dict[str, dict[str, str]]:
        """The labels of each namespace."""
        return {namespace.metadata.name: namespace.metadata.labels for namespace in self.namespaces}

    @functools.cached_property
    def placed(self) -> dict[str, Pod]:
        """The pod at each address: where two claim the same, the one that is not being deleted, or else the newer."""
        live = sorted((pod for pod in self.pods if pod.has_network), key=_claim)
        found = {pod.status.pod_ip: pod for pod in live if _is_ipv4(pod.status.pod_ip)}
        by_uid = {pod.metadata.uid: pod for pod in live}
        certain = {address: by_uid[uid] for address, uid in self.announced.items() if uid in by_uid}
        moved = {pod.metadata.uid for pod in certain.values()}
        return {address: pod for address, pod in found.items() if pod.metadata.uid not in moved} | certain


def _claim(pod: Pod) -> tuple[bool, str, str]:
    return pod.metadata.deletion_timestamp is None, pod.metadata.creation_timestamp, pod.key


def _is_ipv4(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).version == 4
    except ValueError:
        return False


def plan(cluster: Cluster) -> Table:
    """The whole table."""
    planner = _Planner(cluster)
    planner.add_policies()
    planner.add_base()
    return Table(sets=planner.sets, chains=planner.chains)


@dataclass(frozen=True)
class _Direction:
    """`ours`: where an isolated pod's address stands in a packet; `theirs`: where its peer's does."""

    name: str
    ours: str
    theirs: str


INGRESS = _Direction("ingress", ours="ip daddr", theirs="ip saddr")
EGRESS = _Direction("egress", ours="ip saddr", theirs="ip daddr")


class _Planner:
    def __init__(self, cluster: Cluster) -> None:
        self.sets: dict[str, Set] = {}
        self.chains: dict[str, Chain] = {}
        self._cluster = cluster
        self._by_namespace: dict[str, list[tuple[str, Pod]]] = defaultdict(list)
        for address, pod in cluster.placed.items():
            self._by_namespace[pod.metadata.namespace].append((address, pod))
        self._selected: dict[str, frozenset[str]] = {}

    def add_policies(self) -> None:
        isolated: set[str] = set()
        for direction, kind in ((INGRESS, "Ingress"), (EGRESS, "Egress")):
            chains: dict[str, list[str]] = defaultdict(list)
            for policy in sorted(self._cluster.policies, key=lambda policy: policy.key):
                if kind in policy.types:
                    chain = self._policy(policy, direction)
                    for address in self._pods_of(policy):
                        chains[address].append(chain)
            members = {f"{address} : jump {self._group(names, direction)}" for address, names in chains.items()}
            self.sets[direction.name] = Set(ADDRESS, frozenset(members), verdicts=True)
            isolated |= chains.keys()
        self.sets["self"] = Set(ADDRESSES, frozenset(f"{address} . {address}" for address in isolated))

    def add_base(self) -> None:
        bridge = f'"{self._cluster.bridge}"'
        self.sets["pods"] = Set(ADDRESS, frozenset(self._cluster.placed))
        known = ["ct state established,related accept", "ip saddr . ip daddr @self accept"]
        sender = [f"iifname {bridge} ip saddr != @pods drop", "ip saddr vmap @egress"]
        receiver = [f"oifname {bridge} ip daddr != @pods drop", "ip daddr vmap @ingress"]
        self.chains |= {
            # Pods have no IPv6 here but link-local; loopback is routed for node ports, and must not be from outside.
            "first": Chain(
                (f"iifname {bridge} meta nfproto ipv6 drop", 'iifname != "lo" ip daddr 127.0.0.0/8 drop'),
                "type filter hook prerouting priority raw; policy accept;",
            ),
            "sent": Chain((*known, *sender), "type filter hook forward priority filter - 2; policy accept;"),
            "sent_to_node": Chain((*known, *sender), "type filter hook input priority filter - 2; policy accept;"),
            "received": Chain((*known, *receiver), "type filter hook forward priority filter - 1; policy accept;"),
        }

    def _pods_of(self, policy: NetworkPolicy) -> list[str]:
        pods = self._by_namespace.get(policy.metadata.namespace, [])
        return [address for address, pod in pods if policy.spec.pod_selector.admits(pod.metadata.labels)]

    def _group(self, chains: Sequence[str], direction: _Direction) -> str:
        name = f"pods_{direction.name}_{_digest(*chains)}"
        self.chains[name] = Chain((*(f"jump {chain}" for chain in chains), "drop"))
        return name

    def _policy(self, policy: NetworkPolicy, direction: _Direction) -> str:
        name = f"{direction.name}_{_digest(policy.key)}"
        rules: Sequence[Rule] = policy.spec.ingress if direction is INGRESS else policy.spec.egress
        lines = [line for rule in rules for line in self._rule(rule, policy.metadata.namespace, direction)]
        self.chains[name] = Chain(tuple(f'{line}accept comment "{_short(policy.key)}"' for line in lines))
        return name

    def _rule(self, rule: Rule, home: str, direction: _Direction) -> Iterator[str]:
        peers, ports = list(self._peers(rule.peers, home, direction)), list(self._ports(rule.ports))
        yield from (f"{peer}{port}" for peer in peers for port in ports)
        for part in self._cluster.parts if direction is EGRESS else ():
            if any(self._peer_admits(peer, home, part.namespace, part.labels) for peer in rule.peers):
                yield from _part_lines(part, rule.ports)

    def _peers(self, peers: Sequence[Peer], home: str, direction: _Direction) -> Iterator[str]:
        if not peers:
            yield ""
            return
        selecting = [peer for peer in peers if peer.ip_block is None]
        if selecting:
            yield f"{direction.theirs} @{self._peer_set(selecting, home)} "
        blocks = ranges.merged(found for peer in peers for found in _block(peer))
        if blocks == EVERY_ADDRESS:
            yield ""
        elif blocks:
            name = f"block_{_digest(repr(blocks))}"
            self.sets[name] = Set(ADDRESS, frozenset(map(_address_range, blocks)), interval=True)
            yield f"{direction.theirs} @{name} "

    def _peer_set(self, peers: Sequence[Peer], home: str) -> str:
        # Rules that say the same share a set, wherever they stand: "home" matters to peers with no namespace selector.
        scope = home if any(peer.namespace_selector is None for peer in peers) else ""
        name = f"peers_{_digest(scope, *sorted(peer.model_dump_json() for peer in peers))}"
        if name not in self.sets:
            found = frozenset[str]().union(*(self._addresses(peer, home) for peer in peers))
            self.sets[name] = Set(ADDRESS, found)
        return name

    def _addresses(self, peer: Peer, home: str) -> frozenset[str]:
        key = f"{home if peer.namespace_selector is None else ''} {peer.model_dump_json()}"
        if key not in self._selected:
            self._selected[key] = frozenset(
                address
                for namespace in ([home] if peer.namespace_selector is None else list(self._by_namespace))
                if self._admits_namespace(peer, home, namespace)
                for address, pod in self._by_namespace[namespace]
                if peer.pod_selector is None or peer.pod_selector.admits(pod.metadata.labels)
            )
        return self._selected[key]

    def _admits_namespace(self, peer: Peer, home: str, namespace: str) -> bool:
        if peer.namespace_selector is None:
            return namespace == home
        labels = self._cluster.labels.get(namespace)
        return labels is not None and peer.namespace_selector.admits(labels)

    def _peer_admits(self, peer: Peer, home: str, namespace: str, labels: Mapping[str, str]) -> bool:
        return (
            peer.ip_block is None
            and self._admits_namespace(peer, home, namespace)
            and (peer.pod_selector is None or peer.pod_selector.admits(labels))
        )

    def _ports(self, ports: Sequence[Port]) -> Iterator[str]:
        if not ports:
            yield ""
        numbers: dict[str, list[ranges.Range]] = defaultdict(list)
        for port in ports:
            if isinstance(port.port, int):
                numbers[port.protocol].append((port.port, port.end_port or port.port))
            elif port.port is None:
                numbers[port.protocol].append((0, 65535))
            else:
                yield f"ip daddr . {port.protocol.lower()} dport @{self._named(port.protocol, port.port)} "
        for protocol, found in numbers.items():
            yield _dport(protocol, ranges.merged(found))

    def _named(self, protocol: str, port: str) -> str:
        """The set of every pod's port of that name: always a question about the destination, whoever is isolated."""
        name = f"port_{protocol.lower()}_{port}"
        if name not in self.sets:
            declared = [
                (address, row.container_port, row.protocol, row.name)
                for address, pod in self._cluster.placed.items()
                for container in (*pod.spec.containers, *pod.spec.init_containers)
                for row in container.ports
            ]
            declared += [(part.address, *row) for part in self._cluster.parts for row in part.ports]
            elements = {f"{address} . {number}" for address, number, *kind in declared if kind == [protocol, port]}
            self.sets[name] = Set(ADDRESS_PORT, frozenset(elements))
        return name


def _block(peer: Peer) -> tuple[ranges.Range, ...]:
    return () if peer.ip_block is None else _addresses_of(peer.ip_block)


@functools.lru_cache(maxsize=1024)
def _addresses_of(block: Block) -> tuple[ranges.Range, ...]:
    whole = ranges.addresses(block.cidr)
    holes = [found for cidr in block.except_ if (found := ranges.addresses(cidr)) is not None]
    return () if whole is None else ranges.without([whole], holes)


def _part_lines(part: NodePart, ports: Sequence[Port]) -> Iterator[str]:
    for number, protocol, name in part.ports:
        if not ports or any(_port_admits(port, protocol, number, name) for port in ports):
            yield f"ip daddr {part.address} {protocol.lower()} dport {number} "


def _port_admits(port: Port, protocol: str, number: int, name: str) -> bool:
    if port.protocol != protocol:
        return False
    if isinstance(port.port, int):
        return port.port <= number <= (port.end_port or port.port)
    return port.port is None or port.port == name


def _dport(protocol: str, numbers: Sequence[ranges.Range]) -> str:
    if numbers == ((0, 65535),):
        return f"meta l4proto {protocol.lower()} "
    return f"{protocol.lower()} dport {{ {', '.join(_span(first, last) for first, last in numbers)} }} "


def _address_range(found: ranges.Range) -> str:
    return _span(*(str(ipaddress.IPv4Address(end)) for end in found))


def _span(first: object, last: object) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:16]


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:117]}..."  # nft's limit for a comment is 128
