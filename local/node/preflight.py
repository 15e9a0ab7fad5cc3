"""What must hold before anything is changed."""

from __future__ import annotations

import errno
import os
import shutil
import socket
from collections.abc import Iterable
from functools import partial
from itertools import chain
from pathlib import Path

from groundwork.errors import UserError
from groundwork.waiting import wait_until
from local.node.host import processes
from local.node.settings import Kind, NodeSettings

# Of the distribution; the rest comes with the tool chain.
COMMANDS = ("runc", "iptables", "ip6tables", "iptables-save", "iptables-restore", "nft", "ip", "umount", "modprobe")
PROC = Path("/proc")
RELEASE_SECONDS = 3.0
LEAST_FREE_BYTES = 2 * 1024**3


def check(settings: NodeSettings) -> None:
    """Raise UserError for the first thing that stands in the node's way; changes nothing."""
    if settings.kind is Kind.REAL:
        _check_root()
        missing = [name for name in COMMANDS if shutil.which(name) is None]
        if missing:
            raise UserError(what=f"not installed: {', '.join(missing)}", fix="groundwork doctor names the packages")
    _check_disk(settings.data)
    _check_ports(settings)


def _check_root() -> None:
    if os.geteuid() != 0:
        raise UserError(
            what="a real node needs root",
            fix="run it as root, or add --simulated for a node whose containers do not run",
        )


def _check_disk(folder: Path) -> None:
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE_BYTES:
        raise UserError(
            what=f"{free / 1024**3:.1f} GiB free",
            where=str(there),
            allowed=f"{LEAST_FREE_BYTES / 1024**3:.0f} GiB or more",
            fix="free some space there",
        )


def _check_ports(settings: NodeSettings) -> None:
    if processes.of_node(settings.runtime):
        return  # The node runs, and holds them itself.
    for service, (address, port) in settings.bindings().items():
        # A process that was just killed holds its ports for a moment longer.
        if not wait_until(partial(_is_free, address, port), RELEASE_SECONDS):
            raise UserError(
                what=f"port {port} for {service} is in use{in_use(address, port)}",
                where=f"{address}:{port}",
                fix="end that program",
            )


def _is_free(address: str, port: int) -> bool:
    return in_use(address, port) is None


def in_use(address: str, port: int) -> str | None:
    """None when a TCP server can listen there; otherwise who does, as far as it can be told."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((address, port))
        except PermissionError:
            return ", or not open to this user"
        except OSError as error:
            # Before there is a bridge with this address, only a server on all addresses can be in the way.
            return in_use("", port) if error.errno == errno.EADDRNOTAVAIL else _holder(port)
    return None


def _holder(port: int) -> str:
    tables = [table.read_text().splitlines()[1:] for table in (PROC / "net/tcp", PROC / "net/tcp6") if table.is_file()]
    inode = _listener(chain.from_iterable(tables), port)
    for entry in PROC.glob("[0-9]*/fd/*") if inode else ():
        try:
            if str(entry.readlink()) == f"socket:[{inode}]":
                process = entry.parent.parent
                return f" by {(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue
    return ""


def _listener(rows: Iterable[str], port: int) -> str | None:
    for row in rows:
        fields = row.split()
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
            return fields[9]
    return None
