"""The way from a scratch API server to what answers in a Service's place: no packet of a simulated node goes anywhere.

The API server asks for a tunnel for each call that it makes into the cluster (Kubernetes' EgressSelectorConfiguration,
`HTTPConnect` over a unix socket), as where a control plane stands in another network than its nodes.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_ASKED = re.compile(rb"CONNECT (\S+) HTTP/1\.[01]\r\n")
_PIECE = 65536


class Passage(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Takes the API server's calls. `ways`: `address:port` in the cluster → port of 127.0.0.1; other calls fail."""

    daemon_threads = True

    def __init__(self, place: Path) -> None:
        self.ways: dict[str, int] = {}
        super().__init__(str(place), _Tunnel)


class _Tunnel(socketserver.StreamRequestHandler):
    """One call: who asks sends nothing but its question until it is answered."""

    def handle(self) -> None:
        asked = _ASKED.fullmatch(self.rfile.readline(_PIECE))
        while self.rfile.readline(_PIECE) not in {b"\r\n", b""}:
            pass
        assert isinstance(self.server, Passage)  # noqa: S101 – nobody else makes it
        port = self.server.ways.get(asked[1].decode()) if asked else None
        try:
            if port is None:
                raise ConnectionRefusedError
            with socket.create_connection(("127.0.0.1", port)) as there:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                _join(self.connection, there)
        except ConnectionRefusedError:
            self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            return  # one of the two has ended


def _join(one: socket.socket, other: socket.socket) -> None:
    """Carry both ways until one has nothing more to say."""
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in ready.select():
                assert isinstance(key.fileobj, socket.socket)  # noqa: S101 – registered above
                piece = key.fileobj.recv(_PIECE)
                if not piece:
                    return
                key.data.sendall(piece)


def configuration(place: Path) -> str:
    """What the API server is told, as a file. `place`: the socket."""
    through = {"proxyProtocol": "HTTPConnect", "transport": {"uds": {"udsName": str(place)}}}
    return json.dumps(
        {
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [{"name": "cluster", "connection": through}],
        }
    )


@contextmanager
def passage(place: Path) -> Iterator[Passage]:
    """Open for as long as the block lasts. `place`: of its socket."""
    with Passage(place) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()
