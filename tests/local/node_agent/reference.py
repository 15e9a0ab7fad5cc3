"""Network policies as networking.k8s.io/v1 states them, one packet at a time, and with no thought of nftables.

The node's own rules are stated too: an address on the bridge that is no pod's is closed, and the cluster's name server,
which is a process of the node, counts as a pod of kube-system.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from local.node_agent.objects import NetworkPolicy, Peer, Pod, Port, Rule
from local.node_agent.plan import Cluster, NodePart

PODS = ipaddress.ip_network("10.244.0.0/24")


@dataclass(frozen=True)
class Packet:
    """The first packet of a connection, after services were resolved."""

    source: str
    target: str
    protocol: str
    port: int


def allows(cluster: Cluster, packet: Packet, node: str) -> bool:
    """Whether the connection is let through."""
    if packet.source == node:
        return True
    pods = {pod.status.pod_ip: pod for pod in cluster.pods if pod.has_network}
    source, target = pods.get(packet.source), pods.get(packet.target)
    if source is not None and source is target:
        return True
    for address, found in ((packet.source, source), (packet.target, target)):
        if ipaddress.ip_address(address) in PODS and found is None and address != node:
            return False
    return _may(cluster, source, "Egress", packet) and _may(cluster, target, "Ingress", packet)


def _may(cluster: Cluster, pod: Pod | None, direction: str, packet: Packet) -> bool:
    if pod is None:
        return True
    isolating = [policy for policy in cluster.policies if _selects(policy, pod) and direction in policy.types]
    return not isolating or any(_Judge(cluster, policy, direction, packet).admits() for policy in isolating)


def _selects(policy: NetworkPolicy, pod: Pod) -> bool:
    same = policy.metadata.namespace == pod.metadata.namespace
    return same and policy.spec.pod_selector.admits(pod.metadata.labels)


@dataclass(frozen=True)
class _Judge:
    """One policy, one direction, one packet."""

    cluster: Cluster
    policy: NetworkPolicy
    direction: str
    packet: Packet

    def admits(self) -> bool:
        rules: Sequence[Rule] = self.policy.spec.egress if self._outward else self.policy.spec.ingress
        return any(
            (not rule.peers or any(map(self._is, rule.peers))) and (not rule.ports or any(map(self._on, rule.ports)))
            for rule in rules
        )

    @property
    def _outward(self) -> bool:
        return self.direction == "Egress"

    @property
    def _other(self) -> str:
        return self.packet.target if self._outward else self.packet.source

    def _is(self, peer: Peer) -> bool:
        if peer.ip_block is not None:
            found = ipaddress.ip_address(self._other)
            inside = found in ipaddress.ip_network(peer.ip_block.cidr)
            return inside and not any(found in ipaddress.ip_network(cidr) for cidr in peer.ip_block.except_)
        selector = peer.pod_selector
        pods = [(pod.metadata.namespace, pod.metadata.labels) for pod in self._pods(self._other)]
        parts = [(part.namespace, dict(part.labels)) for part in self._parts()] if self._outward else []
        return any(
            self._namespace(peer, namespace) and (selector is None or selector.admits(labels))
            for namespace, labels in pods + parts
        )

    def _namespace(self, peer: Peer, namespace: str) -> bool:
        if peer.namespace_selector is None:
            return namespace == self.policy.metadata.namespace
        labels = {found.metadata.name: found.metadata.labels for found in self.cluster.namespaces}
        return peer.namespace_selector.admits(labels[namespace])

    def _on(self, port: Port) -> bool:
        if port.protocol != self.packet.protocol:
            return False
        if port.port is None:
            return True
        if isinstance(port.port, int):
            return port.port <= self.packet.port <= (port.end_port or port.port)
        pods = self._pods(self.packet.target)
        declared = [row for pod in pods for container in pod.spec.containers for row in container.ports]
        named = {(row.container_port, row.protocol, row.name) for row in declared}
        named |= {row for part in self._parts() for row in part.ports}
        return (self.packet.port, self.packet.protocol, port.port) in named

    def _pods(self, address: str) -> list[Pod]:
        return [pod for pod in self.cluster.pods if pod.has_network and pod.status.pod_ip == address]

    def _parts(self) -> list[NodePart]:
        """The parts of the node that listen where the packet goes."""
        end = (self.packet.port, self.packet.protocol)
        here = [part for part in self.cluster.parts if part.address == self.packet.target]
        return [part for part in here if end in {row[:2] for row in part.ports}]
