"""Zones as text, for the zone server to read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.SOA
import dns.rdtypes.ANY.TXT
import dns.zone
from dns.rdata import Rdata

from domains_operator.settings import Settings, Zone

TTL = 300
# A record that changes with each order is not to be kept by anybody.
SHORT_TTL = 1
# How long "there is no such name" is remembered: a proof that is set a moment later should be seen soon.
NEGATIVE_TTL = 30
_REFRESH, _RETRY, _EXPIRE = 3600, 600, 1_209_600
_MAX_STRING = 255
_SERIALS = 2**32


@dataclass(frozen=True, order=True)
class Record:
    """A record of our zones. `name`: in full, without the last dot; `value`: as in a zone file, a TXT's unquoted."""

    name: str
    kind: str
    value: str
    ttl: int = TTL


def records(
    zone: Zone,
    settings: Settings,
    hosts: Mapping[str, str],
    proofs: Iterable[tuple[str, str]],
    challenges: Iterable[tuple[str, str]],
) -> list[Record]:
    """What a zone holds.

    `hosts`: the tenant of each custom host; `proofs` and `challenges`: names and TXT values. What belongs to other
    zones is left out.
    """
    found = [Record(zone.name, "NS", f"{server}.") for server in _nameservers(settings)]
    if not settings.nameservers and zone.name == settings.domain:
        found += _addresses(f"ns1.{zone.name}", settings.nameserver_addresses or settings.addresses)
    if zone.tenant is None:
        found += _addresses(zone.name, settings.addresses) + _addresses(f"*.{zone.name}", settings.addresses)
    own = [host for host, tenant in hosts.items() if tenant == zone.tenant and settings.zone_of(host) == zone]
    for host in own:
        found += _addresses(host, settings.addresses)
    texts = [(name, value, TTL) for name, value in proofs]
    texts += [(name, value, SHORT_TTL) for name, value in challenges]
    found += [Record(name, "TXT", value, ttl) for name, value, ttl in texts if settings.zone_of(name) == zone]
    return sorted(set(found))


def render(zone: Zone, settings: Settings, content: Iterable[Record], serial: int) -> str:
    """The zone as a master file (RFC 1035). Raises ValueError for a record that cannot stand in it."""
    origin = dns.name.from_text(zone.name)
    made = dns.zone.Zone(origin, relativize=False)
    first = dns.name.from_text(_nameservers(settings)[0])
    contact = dns.name.from_text("hostmaster", origin)
    soa = dns.rdtypes.ANY.SOA.SOA(
        dns.rdataclass.IN, dns.rdatatype.SOA, first, contact, serial % _SERIALS, _REFRESH, _RETRY, _EXPIRE, NEGATIVE_TTL
    )
    made.find_rdataset(origin, soa.rdtype, create=True).add(soa, TTL)
    for record in content:
        name = dns.name.from_text(record.name)
        if not name.is_subdomain(origin):
            raise ValueError(f"{record.name} is not in the zone {zone.name}")
        data = _rdata(record)
        made.find_rdataset(name, data.rdtype, create=True).add(data, record.ttl)
    return made.to_text(relativize=False, nl="\n", want_origin=True)


class ZoneFolder:
    """The zone server's folder. A file is written when what it says changes, with a serial that only grows."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._written: dict[str, tuple[Sequence[Record], int]] = {}

    def write(self, content: Mapping[Zone, Sequence[Record]]) -> bool:
        """Bring the folder to hold just these zones. Whether anything changed."""
        changed = False
        for zone, wanted in content.items():
            before = self._written.get(zone.name)
            if before is None or before[0] != wanted or not self._file(zone.name).exists():
                serial = self._next_serial(zone.name)
                self._replace(zone.name, render(zone, self._settings, wanted, serial))
                self._written[zone.name] = (wanted, serial)
                changed = True
        names = {f"db.{zone.name}" for zone in content}
        for file in self._settings.zone_folder.glob("db.*"):
            if file.name not in names:
                file.unlink(missing_ok=True)
                changed = True
        return changed

    def serials(self) -> dict[str, int]:
        """The serial of each zone as it was written last."""
        return {name: serial for name, (_, serial) in self._written.items()}

    def _next_serial(self, zone: str) -> int:
        """Seconds since 1970, so that a new pod goes on above the old one, and always above the last."""
        last = self._written[zone][1] if zone in self._written else _serial_in(self._file(zone), zone)
        return max(int(time.time()), last + 1)

    def _replace(self, zone: str, text: str) -> None:
        # The server takes files whose names begin with "db." only, and never sees half a file.
        half = self._settings.zone_folder / f".half.{zone}"
        half.write_text(text, "utf-8")
        half.replace(self._file(zone))

    def _file(self, zone: str) -> Path:
        return self._settings.zone_folder / f"db.{zone}"


def _serial_in(file: Path, zone: str) -> int:
    try:
        found = dns.zone.from_text(file.read_text("utf-8"), zone, relativize=False)
    except (OSError, UnicodeDecodeError, dns.exception.DNSException):
        return 0
    soa = found.get_rdataset(dns.name.from_text(zone), dns.rdatatype.SOA)
    return int(soa[0].serial) if soa else 0


def _nameservers(settings: Settings) -> Sequence[str]:
    return settings.nameservers or (f"ns1.{settings.domain}",)


def _addresses(name: str, addresses: Sequence[object]) -> list[Record]:
    return [Record(name, "AAAA" if ":" in str(address) else "A", str(address)) for address in addresses]


def _rdata(record: Record) -> Rdata:
    if record.kind == "TXT":
        value = record.value.encode()
        strings = [value[start : start + _MAX_STRING] for start in range(0, len(value), _MAX_STRING)] or [b""]
        return dns.rdtypes.ANY.TXT.TXT(dns.rdataclass.IN, dns.rdatatype.TXT, strings)
    return dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.from_text(record.kind), record.value)
