"""Two listeners in one process, and the way they stop: not ready, settle, finish, leave."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import signal
import socket
from collections.abc import Iterator
from datetime import timedelta

import uvicorn
from starlette.types import ASGIApp

from agent_runtime.logs import fields
from agent_runtime.service import Service
from agent_runtime.settings import Settings, StartError

# Longer than the callers' own (Envoy: none, load balancers: 60 s), so that it is they who close an idle connection.
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2048
_log = logging.getLogger("agent_runtime.server")


class _Server(uvicorn.Server):
    """Leaves signals to this module, and wakes once a second instead of ten times: idle agents are many."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._leaving = asyncio.Event()

    def leave(self) -> None:
        """Stop accepting, finish what is under way, and return from `serve`."""
        self.should_exit = True
        self._leaving.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # 0: renew the Date header
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._leaving.wait()


def _server(app: ASGIApp, drain: timedelta) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=math.ceil(drain.total_seconds()),
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket: callers wait in its queue until the service runs. Raises StartError where it is taken."""
    # With the protocol said, asyncio turns Nagle's algorithm off for each connection; else answers take 40 ms more.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(f"port {port} on {host or 'every address'} cannot be listened on: {error.strerror}") from None
    return listener


async def serve(service: Service, settings: Settings, drain: timedelta) -> None:
    """Serve until SIGTERM or SIGINT, then drain for at most `settings.settle` + `drain`. Raises StartError."""
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: hurry.set() if stop.is_set() else stop.set())
    with contextlib.closing(listen(settings.host, settings.port)) as api_socket:
        metrics_socket = listen(settings.host, settings.metrics_port)
        api, metrics = _server(service.api, drain), _server(service.metrics, timedelta(seconds=1))
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(api.serve([api_socket]))
            tasks.create_task(metrics.serve([metrics_socket]))
            _log.info(
                "serving",
                extra=fields(port=api_socket.getsockname()[1], metrics_port=metrics_socket.getsockname()[1]),
            )
            await stop.wait()
            service.state.draining = True
            _log.info("draining", extra=fields(settle_seconds=settings.settle.total_seconds()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(settings.settle.total_seconds()):
                    await hurry.wait()
            _log.info("closing", extra=fields(in_flight=service.admission.in_flight))
            api.leave()
            await serving
            metrics.leave()
    await service.provider.aclose()
    await asyncio.to_thread(service.tracing.shutdown)
    _log.info("stopped")
