"""Whether anybody answers on a unix socket."""

from __future__ import annotations

import socket
from pathlib import Path


def listens(path: Path) -> bool:
    """A socket's file is there a moment before anybody listens."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0
