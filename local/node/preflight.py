"""What must hold before anything is changed."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path

from groundwork.errors import UserError
from local.node.host import processes
from local.node.settings import Kind, NodeSettings, missing_commands

LEAST_FREE_BYTES = 2 * 1024**3


def check(settings: NodeSettings) -> None:
    """Raise UserError for the first thing that stands in the node's way; changes nothing."""
    if settings.kind is Kind.REAL:
        _check_root()
        missing = missing_commands(settings.kind)
        if missing:
            raise UserError(what=f"not installed: {', '.join(missing)}", fix="groundwork doctor names the packages")
    _check_disk(settings.data)
    _check_ports(settings)


def _check_root() -> None:
    if os.geteuid() != 0:
        raise UserError(
            what="a real node needs root", fix="run it as root, or add --simulated for a node whose containers do not run"
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
        if (holder := in_use(address, port)) is not None:
            raise UserError(
                what=f"port {port} for {service} is in use{holder}",
                where=f"{address}:{port}",
                fix="end that program, or give the node other ports",
            )


def in_use(address: str, port: int) -> str | None:
    """None when a TCP server can listen there or the address is yet to be made; otherwise who does, if it can be told."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((address, port))
        except PermissionError:
            return " or not allowed to this user"
        except OSError as error:
            if error.errno == 99:  # the bridge's address, before there is a bridge: only a server on all addresses is in the way
                return in_use("0.0.0.0", port) if address != "0.0.0.0" else None  # noqa: S104 - asked, not served
            return _holder(port)
    return None


def _holder(port: int) -> str:
    inode = _listener(Path("/proc/net/tcp").read_text().splitlines()[1:], port)
    for entry in Path("/proc").glob("[0-9]*/fd/*") if inode else ():
        try:
            if os.readlink(entry) == f"socket:[{inode}]":
                pid = entry.parts[2]
                return f" by {(Path('/proc') / pid / 'comm').read_text().strip()} (process {pid})"
        except OSError:
            continue
    return ""


def _listener(rows: Iterable[str], port: int) -> str | None:
    for row in rows:
        fields = row.split()
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
            return fields[9]
    return None


def describe(bindings: Mapping[str, tuple[str, int]]) -> list[str]:
    """One line a binding, for `status` and the docs."""
    return [f"{service} {address}:{port}" for service, (address, port) in bindings.items()]
