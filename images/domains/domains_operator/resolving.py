"""Questions to DNS, of servers that are named, past every cache and file of this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

import dns.exception
import dns.message
import dns.nameserver
import dns.query
import dns.rcode
import dns.rdatatype
import dns.resolver

from domains_operator.settings import Server

TIMEOUT_SECONDS = 2.0
LIFETIME_SECONDS = 6.0


def resolver(servers: Sequence[Server]) -> dns.resolver.Resolver:
    """A resolver that asks these servers in turn. Raises OSError where a server's own name cannot be looked up."""
    made = dns.resolver.Resolver(configure=False)
    made.nameservers = [dns.nameserver.Do53Nameserver(address, port) for address, port in addresses(servers)]
    made.timeout, made.lifetime = TIMEOUT_SECONDS, LIFETIME_SECONDS
    return made


def addresses(servers: Sequence[Server]) -> list[tuple[str, int]]:
    """Every address that the servers' names stand for. Raises OSError where a name cannot be looked up."""
    found: dict[tuple[str, int], None] = {}
    for server in servers:
        try:
            found[str(ipaddress.ip_address(server.host)), server.port] = None
        except ValueError:
            for row in socket.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM):
                found[str(row[4][0]), server.port] = None
    return list(found)


def all_have(servers: Sequence[Server], name: str, text: str) -> bool:
    """Whether each of the servers, by every address of it, has the TXT record. No answer means no."""
    question = dns.message.make_query(f"{name}.", dns.rdatatype.TXT)
    try:
        places = addresses(servers)
        return bool(places) and all(_has(question, place, text) for place in places)
    except (dns.exception.DNSException, OSError):
        return False


def serial(server: Server, zone: str) -> int | None:
    """The serial of a zone as this server has it; None where it does not answer, or does not hold the zone."""
    question = dns.message.make_query(f"{zone}.", dns.rdatatype.SOA)
    try:
        address, port = addresses([server])[0]
        answer = dns.query.udp(question, address, timeout=TIMEOUT_SECONDS, port=port)
    except (dns.exception.DNSException, OSError, IndexError):
        return None
    serials = [row.serial for rows in answer.answer for row in rows if row.rdtype == dns.rdatatype.SOA]
    return int(serials[0]) if serials else None


def _has(question: dns.message.QueryMessage, place: tuple[str, int], text: str) -> bool:
    answer = dns.query.udp(question, place[0], timeout=TIMEOUT_SECONDS, port=place[1])
    values = [b"".join(row.strings) for rows in answer.answer for row in rows if row.rdtype == dns.rdatatype.TXT]
    return text.encode() in values
