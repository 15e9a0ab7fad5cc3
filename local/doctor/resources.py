"""Room on disk, memory, cores and addresses."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path

from local import machine
from local.doctor.need import ALL_WAYS, HERE, REAL, Need, State
from local.paths import Paths
from local.record import Way
from local.toolchain import cache, go, space
from local.toolchain.programs import Program
from local.toolchain.versions import Version

GROUP = "machine"
GIB = 1024 * machine.MIB
# The node with two tenants and Istio uses 1.2 GB; linking the API server uses 1.8 GiB for a moment.
ENOUGH_MEMORY, LEAST_MEMORY = 4 * GIB, 2 * GIB
# Container layers, etcd and logs; the image store with its base and archives. In MiB.
NODE_MB, IMAGES_MB = 3072, 2048
NODE_DATA = Path("/var/lib/groundwork")
NETWORKS = {"pods": ipaddress.IPv4Network("10.244.0.0/24"), "services": ipaddress.IPv4Network("10.96.0.0/16")}
OUR_LINK = "groundwork"


def needs(paths: Paths, to_build: Iterable[Program]) -> list[Need]:
    """Rows on memory, cores, disk and networks. `to_build`: the programs that a build still has to make."""
    return [_memory(), _cores(), *disk(paths, tuple(to_build)), *networks(_routes())]


def disk(paths: Paths, to_build: tuple[Program, ...]) -> list[Need]:
    """A row for each file system that something is written to: need and free."""
    folders = _folders(paths)
    need = {paths.images: IMAGES_MB, NODE_DATA: NODE_MB} | space.needed(to_build, folders)
    begun = bool(to_build) and cache.begun(paths.toolchain, to_build)
    rows = []
    for folder, wanted in space.by_filesystem(need).items():
        free = machine.disk_free(folder) // machine.MIB
        short = State.WARN if begun else State.MISSING
        state = State.OK if free >= wanted else short
        seen = f"{free / 1024:.1f} GiB free, {wanted / 1024:.1f} GiB needed at most"
        fix = "free some space there, or move the caches: GOMODCACHE, GOCACHE and XDG_CACHE_HOME name their folders"
        rows.append(_row(f"disk at {folder}", state, seen, fix))
    return rows


def networks(routes: Iterable[tuple[str, ipaddress.IPv4Network]]) -> list[Need]:
    """Whether the cluster's networks are free of other links' routes (link, network)."""
    taken = [
        f"{link} has {route}, {what} want {own}"
        for link, route in routes
        for what, own in NETWORKS.items()
        if route.prefixlen > 0 and not link.startswith(OUR_LINK) and route.overlaps(own)
    ]
    if not taken:
        return [_row("networks", State.OK, "free: " + ", ".join(str(own) for own in NETWORKS.values()), ways=REAL)]
    fix = "what lies there is out of reach while the node is up; turn that link (a VPN?) off if it matters"
    return [_row("networks", State.WARN, "; ".join(taken), fix, REAL)]


def parse_routes(lines: Iterable[str]) -> list[tuple[str, ipaddress.IPv4Network]]:
    """Link and network of each line of /proc/net/route, whose addresses are hexadecimal in the host's byte order."""
    found = []
    for row in (line.split() for line in lines):
        if len(row) > 7 and row[1] != "Destination":
            address, mask = (socket.inet_ntoa(struct.pack("=L", int(row[at], 16))) for at in (1, 7))
            found.append((row[0], ipaddress.IPv4Network((address, mask), strict=False)))
    return found


def _routes() -> list[tuple[str, ipaddress.IPv4Network]]:
    try:
        return parse_routes(Path("/proc/net/route").read_text(encoding="ascii").splitlines())
    except OSError:
        return []


def _folders(paths: Paths) -> space.Folders:
    found = go.find(paths.toolchain, Version(0, 0))
    if found is not None:
        return found.folders(paths.toolchain)
    home = Path.home()
    return space.Folders(
        sources=Path(os.environ.get("GOMODCACHE", home / "go/pkg/mod")),
        cache=Path(os.environ.get("GOCACHE", home / ".cache/go-build")),
        toolchain=paths.toolchain,
    )


def _memory() -> Need:
    total, free = machine.memory_total(), machine.memory_available()
    seen = f"{total / GIB:.1f} GiB, {free / GIB:.1f} GiB of it available"
    if free >= ENOUGH_MEMORY:
        return _row("memory", State.OK, seen)
    state = State.WARN if free >= LEAST_MEMORY else State.MISSING
    return _row("memory", state, seen, f"have {ENOUGH_MEMORY // GIB} GiB available: close other programs", ways=HERE)


def _cores() -> Need:
    count = machine.cores()
    state = State.OK if count >= 2 else State.WARN
    return _row("cores", state, str(count), "two or more; with one, everything takes about twice as long")


def _row(name: str, state: State, seen: str, fix: str | None = None, ways: frozenset[Way] = ALL_WAYS) -> Need:
    return Need(group=GROUP, name=name, state=state, seen=seen, fix=None if state is State.OK else fix, ways=ways)
