"""Proof that whoever adds a host controls its name."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver

from components.platform.specs import DnsRecord
from domains_operator import resolving
from domains_operator.settings import Server

LABEL = "_groundwork-challenge"
PREFIX = "groundwork-verification="
_TOKEN_BYTES = 20


class Seen(Enum):
    """What a look for the proof found. `UNREACHABLE`: nothing can be said, for DNS did not answer."""

    TXT = "TXT"
    CNAME = "CNAME"
    MISSING = "MISSING"
    UNREACHABLE = "UNREACHABLE"

    @property
    def proves(self) -> bool:
        """Whether it is a proof."""
        return self in {Seen.TXT, Seen.CNAME}


@dataclass(frozen=True)
class Look:
    """One look. `detail`: for people."""

    seen: Seen
    detail: str


def token(key: bytes, tenant: str, host: str) -> str:
    """What the owner of the name publishes: bound to tenant, host and this installation; nobody can guess it."""
    mac = hmac.new(key, f"{tenant}\0{host}".encode(), hashlib.sha256).digest()
    return base64.b32encode(mac[:_TOKEN_BYTES]).decode().rstrip("=").lower()


def wanted(key: bytes, tenant: str, host: str, domain: str) -> list[DnsRecord]:
    """The records, any one of which proves control. `domain`: the environment's own zone."""
    return [
        DnsRecord(type="TXT", name=f"{LABEL}.{host}", value=f"{PREFIX}{token(key, tenant, host)}"),
        DnsRecord(type="CNAME", name=host, value=f"{tenant}.{domain}"),
    ]


def look(resolvers: Sequence[Server], records: Sequence[DnsRecord]) -> Look:
    """Ask DNS for the records. Blocks for a few seconds at most."""
    missing: list[str] = []
    try:
        resolver = resolving.resolver(resolvers)
        for record in records:
            found = _values(resolver, record)
            if _same(record, found):
                return Look(Seen(record.type), f"{record.type} {record.name}")
            if found:
                missing.append(f"{record.type} {record.name} is {', '.join(found)[:200]}, not {record.value}")
            else:
                missing.append(f"{record.type} {record.name} is not there")
    except (dns.exception.DNSException, OSError) as error:
        return Look(Seen.UNREACHABLE, f"DNS did not answer: {str(error) or type(error).__name__}"[:300])
    return Look(Seen.MISSING, "; ".join(missing))


def _values(resolver: dns.resolver.Resolver, record: DnsRecord) -> list[str]:
    """What stands there now; nothing where the name or the type is not there. Raises DNSException where DNS fails."""
    try:
        answer = resolver.resolve(f"{record.name}.", record.type, raise_on_no_answer=False)
    except dns.resolver.NXDOMAIN:
        return []
    if record.type == "CNAME":
        return [row.target.to_text(omit_final_dot=True).lower() for row in answer]
    return [b"".join(row.strings).decode("utf-8", "replace") for row in answer]


def _same(record: DnsRecord, found: Sequence[str]) -> bool:
    return record.value in found
