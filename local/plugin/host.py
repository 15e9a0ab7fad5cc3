"""Messages to the engine, shown beside the resource they are about."""

from __future__ import annotations

import contextlib
from typing import Protocol

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

DEBUG = engine_pb2.DEBUG
INFO = engine_pb2.INFO
WARNING = engine_pb2.WARNING
ERROR = engine_pb2.ERROR


class Log(Protocol):
    """Where messages about one resource go."""

    def status(self, severity: int, text: str) -> None:
        """A message that matters while the operation runs."""

    def keep(self, severity: int, text: str) -> None:
        """A message that stays."""


class Engine:
    """The engine's log. Messages are dropped until its address is known (`attach`)."""

    def __init__(self, address: str | None = None) -> None:
        self._stub: engine_pb2_grpc.EngineStub | None = None
        if address:
            self.attach(address)

    def attach(self, address: str) -> None:
        """Send messages to the engine at `address` from now on."""
        channel = grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)])
        self._stub = engine_pb2_grpc.EngineStub(channel)

    def log(self, severity: int, urn: str, text: str, *, ephemeral: bool = False) -> None:
        """One message; an engine that does not answer is no reason to fail an operation."""
        if self._stub is None:
            return
        request = engine_pb2.LogRequest(severity=severity, message=text, urn=urn, ephemeral=ephemeral)  # type: ignore[arg-type]
        with contextlib.suppress(grpc.RpcError):
            self._stub.Log(request, timeout=10)


class ResourceLog:
    """The log of one operation on one resource: each status message once."""

    def __init__(self, engine: Engine, urn: str) -> None:
        self._engine = engine
        self._urn = urn
        self._seen: set[tuple[int, str]] = set()

    def status(self, severity: int, text: str) -> None:
        """See `Log`; a text that was shown before is not shown again."""
        if (severity, text) in self._seen:
            return
        self._seen.add((severity, text))
        self._engine.log(severity, self._urn, text, ephemeral=True)

    def keep(self, severity: int, text: str) -> None:
        """See `Log`."""
        self._engine.log(severity, self._urn, text)
