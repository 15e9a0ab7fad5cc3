"""Which ports of 127.0.0.1 programs of this machine already listen on."""

from __future__ import annotations

from pathlib import Path

PROC_NET = Path("/proc/net")
_FILES = {"TCP": ("tcp", "tcp6"), "UDP": ("udp", "udp6"), "SCTP": ()}
_LISTENING = {"TCP": "0A", "UDP": "07"}
_ANY = {"00000000", "0" * 32, "0100007F", "0000000000000000FFFF00000100007F"}  # every address, and 127.0.0.1


def taken(protocol: str, folder: Path = PROC_NET) -> set[int]:
    """The ports, of a protocol ("TCP", "UDP"), on which a connection to 127.0.0.1 would be answered by a program."""
    return {port for name in _FILES[protocol] for port in _listening(folder / name, _LISTENING[protocol])}


def _listening(path: Path, state: str) -> set[int]:
    try:
        rows = [line.split() for line in path.read_text().splitlines()[1:]]
    except OSError:
        return set()
    ends = [row[1].split(":") for row in rows if row[3] == state]
    return {int(port, 16) for address, port in ends if address in _ANY}
