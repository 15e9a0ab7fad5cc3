"""Which ports the node needs, and who listens on them now."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from groundwork.errors import UserError
from local.doctor.need import HERE, REAL, Need, State
from local.node import NodeSettings
from local.node.host.processes import NODE, environment_of
from local.paths import Paths
from local.record import Way

GROUP = "ports"
# The gateway, and the name server of our zones.
PUBLISHED = (80, 443, 5353)
EVERYWHERE = str(IPv4Address(0))
_LISTEN = "0A"


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port that the node listens on. `optional`: it is only led elsewhere; nobody has to listen on it."""

    number: int
    address: str
    owner: str
    ways: frozenset[Way]
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Who listens, and where. `pid` is None where this user may not see it."""

    number: int
    address: str
    pid: int | None = None
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "a process of another user" if self.pid is None else f"process {self.pid} ({self.command[0]})"

    def is_in_the_way_of(self, port: Port) -> bool:
        """Whether nobody else can listen there."""
        return self.number == port.number and (
            EVERYWHERE in (self.address, port.address) or self.address == port.address
        )


def nodes(paths: Paths) -> dict[Way, NodeSettings]:
    """The settings of each kind of node that the data folder has room for in its name."""
    made = {Way.REAL: NodeSettings.real(paths)}
    with suppress(UserError):
        made[Way.SIMULATED] = NodeSettings.simulated_for_user(paths)
    return made


def folder(paths: Paths) -> Need:
    """Whether the data folder's path is short enough for the sockets of a simulated node."""
    name = "data folder"
    try:
        NodeSettings.simulated_for_user(paths)
    except UserError as error:
        return _row(name, State.MISSING, f"{error.where}: {error.what}", error.fix, frozenset({Way.SIMULATED}))
    return _row(name, State.OK, str(paths.data))


def wanted(paths: Paths) -> list[Port]:
    """The ports of a real and of a simulated node, and those at which Services are reached."""
    return [
        *(
            Port(number=number, address=address, owner=owner, ways=frozenset({way}))
            for way, settings in nodes(paths).items()
            for owner, (address, number) in settings.bindings().items()
        ),
        *(
            Port(number=number, address="127.0.0.1", owner="published Services", ways=REAL, optional=True)
            for number in PUBLISHED
        ),
    ]


def needs(paths: Paths) -> list[Need]:
    """One row for each port that someone holds, and one for all that are free."""
    held = listeners()
    rows, free = [], []
    for port in wanted(paths):
        holder = next((one for one in held if one.is_in_the_way_of(port)), None)
        if holder is None:
            free.append(port.number)
        else:
            rows.append(_held(port, holder, ours=is_ours(holder, paths)))
    return [folder(paths), *rows, *([_row(f"{len(free)} ports", State.OK, f"free: {spans(free)}")] if free else [])]


def is_ours(listener: Listener, paths: Paths) -> bool:
    """Whether it is a process of our own node, real or simulated: each carries the node's name in its environment."""
    runtimes = {str(one.runtime) for one in nodes(paths).values()}
    return listener.pid is not None and environment_of(listener.pid).get(NODE) in runtimes


def listeners(proc: Path = Path("/proc")) -> list[Listener]:
    """Who listens on TCP ports, as far as this user can see."""
    sockets: dict[str, tuple[str, int]] = {}
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            sockets |= parse_table((proc / "net" / table).read_text(encoding="ascii").splitlines())
    owners = _owners(proc, sockets)
    return [
        Listener(number=number, address=address, pid=owners.get(inode), command=_command(proc, owners.get(inode)))
        for inode, (address, number) in sockets.items()
    ]


def parse_table(lines: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Inode → address and port of the listening sockets in /proc/net/tcp or tcp6."""
    rows = (line.split() for line in lines)
    return {row[9]: _endpoint(row[1]) for row in rows if len(row) > 9 and row[3] == _LISTEN}


def spans(numbers: Iterable[int]) -> str:
    """Numbers in short: "1-3, 7"."""
    groups: list[list[int]] = []
    for number in sorted(set(numbers)):
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return ", ".join(str(one[0]) if len(one) == 1 else f"{one[0]}-{one[-1]}" for one in groups)


def _endpoint(text: str) -> tuple[str, int]:
    """Address and port; the address is hexadecimal words in the host's byte order. All of IPv6 is all of IPv4 too."""
    address, _, port = text.rpartition(":")
    raw = b"".join(struct.pack("=L", int(address[at : at + 8], 16)) for at in range(0, len(address), 8))
    if not any(raw):
        return EVERYWHERE, int(port, 16)
    if len(raw) == 16 and raw[:12] == bytes(10) + b"\xff\xff":
        raw = raw[12:]
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw), int(port, 16)


def _owners(proc: Path, sockets: Mapping[str, object]) -> dict[str, int]:
    return {inode: pid for pid, inode in _open_sockets(proc) if inode in sockets}


def _open_sockets(proc: Path) -> Iterator[tuple[int, str]]:
    for folder in proc.iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):  # another user's, or gone since
            for link in (folder / "fd").iterdir():
                with suppress(OSError):
                    target = str(link.readlink())
                    if target.startswith("socket:["):
                        yield int(folder.name), target[8:-1]


def _command(proc: Path, pid: int | None) -> tuple[str, ...]:
    try:
        words = (proc / str(pid) / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return ("unknown",)
    return tuple(words) if words[0] else ("unknown",)


def _held(port: Port, holder: Listener, *, ours: bool) -> Need:
    name = f"{port.number} ({port.owner})"
    if ours:
        return _row(name, State.OK, f"held by our own node: {holder}", ways=port.ways)
    if port.optional:
        fix = "the gateway, or our zones' name server, gets no address while something else listens there"
        return _row(name, State.WARN, f"in use by {holder}", fix, port.ways)
    stop = "stop it" if holder.pid is None else f"stop it (kill {holder.pid})"
    return _row(name, State.MISSING, f"in use by {holder}", f"{stop}; see: ss -ltnp sport = :{port.number}", port.ways)


def _row(name: str, state: State, seen: str, fix: str | None = None, ways: frozenset[Way] = HERE) -> Need:
    return Need(group=GROUP, name=name, state=state, seen=seen, fix=fix, ways=ways)
