"""An engine is reached, whatever became of another that had its port."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
from pulumi.runtime.proto import resource_pb2, resource_pb2_grpc
from pulumi.runtime.settings import Settings

from groundwork.waiting import wait_until
from local.engine.channels import separate

SECONDS = 10.0


class Monitor(resource_pb2_grpc.ResourceMonitorServicer):
    """Knows one thing."""

    def SupportsFeature(  # noqa: N802 – gRPC's name
        self, request: resource_pb2.SupportsFeatureRequest, context: grpc.ServicerContext
    ) -> resource_pb2.SupportsFeatureResponse:
        assert context.is_active()
        return resource_pb2.SupportsFeatureResponse(hasSupport=bool(request.id))


def serve(port: int = 0) -> tuple[grpc.Server, int]:
    server = grpc.server(ThreadPoolExecutor(1), options=[("grpc.so_reuseport", 0)])
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(Monitor(), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    return server, bound


def ask(settings: Settings) -> bool:
    """As the SDK asks its engine."""
    assert settings.monitor is not None
    answer: resource_pb2.SupportsFeatureResponse = settings.monitor.SupportsFeature(
        resource_pb2.SupportsFeatureRequest(id="secrets")
    )
    return answer.hasSupport


def is_away(settings: Settings) -> bool:
    try:
        return not ask(settings)
    except grpc.RpcError:
        return True


def test_an_engine_on_the_port_of_one_that_ended_is_reached() -> None:
    separate()
    first, port = serve()
    before = Settings(project="one", stack="one", monitor=f"127.0.0.1:{port}")
    assert ask(before)
    first.stop(0).wait()
    assert wait_until(lambda: is_away(before), SECONDS)
    second, _ = serve(port)
    try:
        assert ask(Settings(project="two", stack="two", monitor=f"127.0.0.1:{port}"))
    finally:
        second.stop(0).wait()
