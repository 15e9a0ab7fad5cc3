"""The gRPC side that all plugins share: the plugin itself, and errors as the engine wants them."""

from __future__ import annotations

import functools
import sys
import threading
import traceback
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeVar

import grpc
from google.protobuf import empty_pb2
from google.rpc import status_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from local.plugin.diffing import Change, Difference
from local.plugin.errors import PartialError, PluginError
from local.plugin.host import Engine
from local.plugin.values import encode

Servicing = TypeVar("Servicing")
Request = TypeVar("Request")
Response = TypeVar("Response")
Handler = Callable[[Servicing, Request, grpc.ServicerContext], Response]


def version_of(package: str) -> str:
    """The version of the vendor's SDK that programs here are written against."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "0.0.0"


def answers(handler: Handler[Servicing, Request, Response]) -> Handler[Servicing, Request, Response]:
    """Errors of the plugin as gRPC status; what nobody foresaw also as a traceback on stderr."""

    @functools.wraps(handler)
    def answer(self: Servicing, request: Request, context: grpc.ServicerContext) -> Response:
        try:
            return handler(self, request, context)
        except PartialError as error:
            _abort(context, str(error), _init_failed(error))
        except (PluginError, ValueError) as error:
            _abort(context, str(error))
        except Exception as error:  # noqa: BLE001 - the engine must get an answer whatever happens
            traceback.print_exc(file=sys.stderr)
            _abort(context, f"{type(error).__name__}: {error}")
        raise AssertionError

    return answer


def _init_failed(error: PartialError) -> provider_pb2.ErrorResourceInitFailed:
    detail = provider_pb2.ErrorResourceInitFailed(
        id=error.identifier, properties=encode(error.state), reasons=error.reasons
    )
    if error.inputs is not None:
        detail.inputs.CopyFrom(encode(error.inputs))
    return detail


def _abort(
    context: grpc.ServicerContext, message: str, detail: provider_pb2.ErrorResourceInitFailed | None = None
) -> None:
    if detail is not None:
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=message)
        status.details.add().Pack(detail)
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(grpc.StatusCode.UNKNOWN, message)


class PluginServicer(provider_pb2_grpc.ResourceProviderServicer):
    """One plugin process: one set of provider arguments, many resources. `version`: the SDK's that it serves."""

    def __init__(self, engine_address: str | None, version: str) -> None:
        self.engine = Engine(engine_address)
        self.engine_address = engine_address or ""
        self.cancelled = threading.Event()
        self.folder = Path.cwd()
        self.version = version
        self.preparation: threading.Thread | None = None

    def prepared(self) -> None:
        """Wait for the modules that requests need: two threads in the middle of one package's import break it."""
        if self.preparation is not None:
            self.preparation.join()

    @answers
    def Handshake(  # noqa: N802 - the protocol's name
        self, request: provider_pb2.ProviderHandshakeRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """What this plugin can take."""
        self._attach(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    @answers
    def Attach(self, request: plugin_pb2.PluginAttach, _context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """The engine's address, for a plugin that it did not start."""
        self._attach(request.address)
        return empty_pb2.Empty()

    def _attach(self, address: str) -> None:
        self.engine_address = address
        self.engine.attach(address)

    @answers
    def GetPluginInfo(self, _request: empty_pb2.Empty, _context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:  # noqa: N802
        """The version."""
        return plugin_pb2.PluginInfo(version=self.version)

    @answers
    def Cancel(self, _request: empty_pb2.Empty, _context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """Give up every wait, with what is known."""
        self.cancelled.set()
        return empty_pb2.Empty()

    @answers
    def GetMapping(  # noqa: N802
        self, _request: provider_pb2.GetMappingRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.GetMappingResponse:
        """No mapping to other tools' types."""
        return provider_pb2.GetMappingResponse()


def property_diff(difference: Difference) -> provider_pb2.PropertyDiff:
    """One change in the protocol's words."""
    kind = difference.change.value + ("_REPLACE" if difference.replaces else "")
    return provider_pb2.PropertyDiff(
        kind=provider_pb2.PropertyDiff.Kind.Value(kind), inputDiff=difference.change is Change.DELETE
    )
