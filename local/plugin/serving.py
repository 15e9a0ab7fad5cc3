"""Serve a plugin on a free port of 127.0.0.1, and print the port as the first line."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from groundwork.garbage import look_rarely
from local.plugin.servicer import PluginServicer

# The engine asks for as many resources at once as it likes, and each may wait for minutes.
_WORKERS = 256
_LOOK_AFTER_ENGINE = 1.0
_NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def _wait(stopped: threading.Event, engine: int | None) -> None:
    """Until a signal comes, or the engine that started this process (its ID) is gone: a killed one says no goodbye."""
    while not stopped.wait(_LOOK_AFTER_ENGINE):
        if engine is not None and os.getppid() != engine:
            return


def _prepare(modules: Iterable[str]) -> None:
    for name in modules:
        importlib.import_module(name)


def serve(make: Callable[[str | None], PluginServicer], arguments: list[str], needed: Iterable[str]) -> int:
    """Serve until told to stop. `arguments`: the engine's address, if the engine started this process.

    `needed`: modules that the first requests need; imported while the engine connects and reads its state. What uses
    them waits for that (`PluginServicer.prepared`).
    """
    addresses = [argument for argument in arguments if not argument.startswith("-")]
    # Asked first: an engine that is killed as soon as it has read the port would be taken for its heir.
    engine = os.getppid() if addresses else None
    server = grpc.server(ThreadPoolExecutor(max_workers=_WORKERS), options=_NO_LIMIT)
    servicer = make(addresses[0] if addresses else None)
    servicer.preparation = threading.Thread(target=_prepare, args=(needed,), daemon=True)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    servicer.preparation.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        servicer.cancelled.set()
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _wait(stopped, engine)
    servicer.cancelled.set()
    server.stop(grace=1).wait()
    return 0


def run(make: Callable[[str | None], PluginServicer], needed: Iterable[str]) -> None:
    """A plugin's whole process."""
    look_rarely()
    code = serve(make, sys.argv[1:], needed)
    sys.stdout.flush()
    # Requests that still wait for something must not keep the process alive.
    os._exit(code)
