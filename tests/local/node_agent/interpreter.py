"""What nftables does with the first packet of a connection: the few kinds of rules that the planner writes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from local.node_agent.table import Chain, Set, Table
from tests.local.node_agent.reference import Packet

COMMENT = re.compile(r' comment "[^"]*"$')
MATCHES: tuple[tuple[str, Callable[[re.Match[str], Run], bool]], ...] = (
    (r"ct state established,related", lambda _found, _run: False),
    (r"ip saddr \. ip daddr @(\S+)", lambda found, run: run.has(found[1], f"{run.source} . {run.target}")),
    (r"ip daddr \. (\w+) dport @(\S+)", lambda found, run: run.on(found[1]) and run.has(found[2], run.end)),
    (r"iifname \"\S+\"", lambda _found, run: run.from_bridge),
    (r"oifname \"\S+\"", lambda _found, run: run.to_bridge),
    (r"ip ([sd])addr != @(\S+)", lambda found, run: not run.has(found[2], run.address(found[1]))),
    (r"ip ([sd])addr @(\S+)", lambda found, run: run.has(found[2], run.address(found[1]))),
    (r"ip ([sd])addr ([\d.]+)", lambda found, run: run.address(found[1]) == found[2]),
    (r"meta l4proto (\w+)", lambda found, run: run.on(found[1])),
    (r"(\w+) dport \{ ([^}]*) \}", lambda found, run: run.on(found[1]) and run.in_spans(found[2])),
    (r"(\w+) dport (\d+)", lambda found, run: run.on(found[1]) and run.in_spans(found[2])),
)
VERDICTS = re.compile(r"accept|drop|jump (\S+)|ip ([sd])addr vmap @(\S+)")


class Run:
    """One packet on its way through the table's hooks."""

    def __init__(self, table: Table, packet: Packet, node: str) -> None:
        self._table = table
        self._packet = packet
        self.source: str = packet.source
        self.target: str = packet.target
        self.end: str = f"{packet.target} . {packet.port}"
        pods = ipaddress.ip_network("10.244.0.0/24")
        self.from_bridge: bool = ipaddress.ip_address(packet.source) in pods
        self.to_bridge: bool = ipaddress.ip_address(packet.target) in pods and packet.target != node
        own, to_node = packet.source == node, packet.target == node
        self._hook = "hook output" if own else "hook input" if to_node else "hook forward"

    def passes(self) -> bool:
        """Whether no base chain drops it."""
        base = [chain for chain in self._table.chains.values() if self._hook in chain.hook]
        return all(self._walk(chain) != "drop" for chain in base)

    def has(self, name: str, element: str) -> bool:
        found = self._table.sets[name]
        if not found.interval:
            return element in found.elements
        number = int(ipaddress.IPv4Address(element))
        return any(_in_range(number, span) for span in found.elements)

    def on(self, protocol: str) -> bool:
        return self._packet.protocol.lower() == protocol

    def address(self, side: str) -> str:
        return self.source if side == "s" else self.target

    def in_spans(self, spans: str) -> bool:
        pairs = [span.partition("-") for span in spans.split(", ")]
        return any(int(first) <= self._packet.port <= int(last or first) for first, _, last in pairs)

    def _walk(self, chain: Chain) -> str:
        for rule in chain.rules:
            verdict = self._rule(COMMENT.sub("", rule))
            if verdict in {"accept", "drop"}:
                return verdict
        return "return"

    def _rule(self, text: str) -> str:
        while True:
            verdict = VERDICTS.fullmatch(text)
            if verdict is not None:
                return self._verdict(verdict)
            found, holds = next(
                (match, holds) for pattern, holds in MATCHES if (match := re.match(pattern + " ", text)) is not None
            )
            if not holds(found, self):
                return "return"
            text = text[found.end() :]

    def _verdict(self, found: re.Match[str]) -> str:
        if found[1]:
            return self._walk(self._table.chains[found[1]])
        if found[3]:
            chains = _verdicts(self._table.sets[found[3]])
            name = chains.get(self.address(found[2]))
            return "return" if name is None else self._walk(self._table.chains[name])
        return found[0]


def _verdicts(found: Set) -> dict[str, str]:
    return dict(element.split(" : jump ", 1) for element in found.elements)


def _in_range(number: int, span: str) -> bool:
    first, _, last = span.partition("-")
    return int(ipaddress.IPv4Address(first)) <= number <= int(ipaddress.IPv4Address(last or first))
