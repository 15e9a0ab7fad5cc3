"""Start the plugin."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from local.plugin.servicer import PluginServicer, answers
from local.plugin.serving import run


class Servicer(PluginServicer):
    """Agrees to everything."""

    def __init__(self, engine_address: str | None) -> None:
        super().__init__(engine_address, "1.0.0")

    @answers
    def CheckConfig(  # noqa: N802 - the protocol's names
        self, request: provider_pb2.CheckRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """It takes no arguments."""
        return provider_pb2.CheckResponse(inputs=request.news)

    @answers
    def DiffConfig(  # noqa: N802
        self, _request: provider_pb2.DiffRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Nothing changes."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    @answers
    def Configure(  # noqa: N802
        self, _request: provider_pb2.ConfigureRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """There is nothing to set up."""
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    @answers
    def Check(self, request: provider_pb2.CheckRequest, _context: grpc.ServicerContext) -> provider_pb2.CheckResponse:  # noqa: N802
        """All inputs are right."""
        return provider_pb2.CheckResponse(inputs=request.news)

    @answers
    def Diff(self, _request: provider_pb2.DiffRequest, _context: grpc.ServicerContext) -> provider_pb2.DiffResponse:  # noqa: N802
        """Nothing changes."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    @answers
    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """It is there."""
        return provider_pb2.CreateResponse(id="it", properties=request.properties)

    @answers
    def Delete(self, _request: provider_pb2.DeleteRequest, _context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """It is gone."""
        return empty_pb2.Empty()


if __name__ == "__main__":
    run(Servicer, ())
