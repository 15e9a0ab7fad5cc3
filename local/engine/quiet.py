"""What the SDK tells the engine of its own doing, kept from it.

At four places for each resource the SDK waits until the engine has taken a debug message, which no operation here
shows.
"""

from __future__ import annotations

from google.protobuf import empty_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class Quiet:
    """An engine that is asked as ever, but gets no debug messages."""

    def __init__(self, engine: engine_pb2_grpc.EngineStub) -> None:
        self._engine = engine

    def __getattr__(self, name: str) -> object:
        return getattr(self._engine, name)

    def Log(self, request: engine_pb2.LogRequest) -> empty_pb2.Empty:  # noqa: N802 – gRPC's name
        """Pass the message on, unless it is for debugging."""
        if request.severity == engine_pb2.DEBUG:
            return empty_pb2.Empty()
        return self._engine.Log(request)


def without_debug() -> None:
    """For the rest of the program that runs, which has settings of its own. The SDK takes any object as an engine."""
    from pulumi.runtime.settings import SETTINGS, get_engine

    engine = get_engine()
    if engine is not None and not isinstance(engine, Quiet):
        SETTINGS.engine = Quiet(engine)
