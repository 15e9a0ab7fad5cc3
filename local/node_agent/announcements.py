"""Pods' addresses as the CNI plugin announces them, before the API server knows them."""

from __future__ import annotations

import logging
import socketserver
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from local.node_agent.store import Changes

log = logging.getLogger(__name__)
ENFORCE_SECONDS = 8.0  # the plugin waits a little longer


class Announcement(BaseModel):
    """A pod, by its uid, and the address that it is about to use, as the plugin sends them: a line of JSON."""

    uid: str
    address: str


class Announcements:
    """What was announced, and whose policies are in force."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._condition = threading.Condition()
        self._announced: dict[str, str] = {}
        self._enforced: dict[str, str] = {}
        self._seen: set[str] = set()

    def current(self) -> dict[str, str]:
        """Pod uid by address; the last who announced an address has it."""
        with self._condition:
            return dict(self._announced)

    def settle(self, enforced: Mapping[str, str], uids: Iterable[str]) -> None:
        """The rules for `enforced` (uid by address) are in force; what was announced for pods that are gone is over."""
        there = set(uids)
        with self._condition:
            self._enforced = dict(enforced)
            gone = self._seen - there
            self._seen |= there
            self._seen -= gone
            self._announced = {address: uid for address, uid in self._announced.items() if uid not in gone}
            self._condition.notify_all()

    def announce(self, made: Announcement) -> bool:
        """Wait until the pod's policies are in force at its address; false when they are not in time."""
        with self._condition:
            others = {address: uid for address, uid in self._announced.items() if uid != made.uid}
            self._announced = others | {made.address: made.uid}
            self._changes.tell(urgent=True)
            return self._condition.wait_for(lambda: self._enforced.get(made.address) == made.uid, ENFORCE_SECONDS)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - as the base class calls it
        log.warning("a pod's plugin did not wait for its answer: %s", sys.exc_info()[1])


def serve(announcements: Announcements, path: Path) -> None:
    """Answer on a unix socket, for ever: "ok" to each announcement whose pod may start; a probe says nothing."""

    class Handler(socketserver.StreamRequestHandler):
        timeout = 5

        def handle(self) -> None:
            line = self.rfile.readline(4096)
            if line:
                self.wfile.write(_answer(announcements, line))

    path.unlink(missing_ok=True)
    with _Server(str(path), Handler) as server:
        server.serve_forever()


def _answer(announcements: Announcements, line: bytes) -> bytes:
    try:
        made = Announcement.model_validate_json(line)
    except ValidationError as error:
        return f"{error.error_count()} errors in the announcement\n".encode()
    if announcements.announce(made):
        return b"ok\n"
    return f"no rules for {made.address} after {ENFORCE_SECONDS:.0f} s: see the node agent's log\n".encode()
