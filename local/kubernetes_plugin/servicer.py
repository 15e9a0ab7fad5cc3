"""The gRPC side: the engine's requests as calls on plain JSON, and errors as the engine wants them."""

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

from local.kubernetes_plugin import settings as config
from local.kubernetes_plugin.checking import Checker
from local.kubernetes_plugin.comparing import Comparer
from local.kubernetes_plugin.diffing import Change, Difference, parse_path
from local.kubernetes_plugin.errors import PartialError, PluginError
from local.kubernetes_plugin.host import WARNING, Engine, ResourceLog
from local.kubernetes_plugin.naming import Autonaming, NamingRequest
from local.kubernetes_plugin.objects import name_of_urn
from local.kubernetes_plugin.provider import Operation
from local.kubernetes_plugin.session import Session
from local.kubernetes_plugin.values import decode, encode, has_secret

Request = TypeVar("Request")
Response = TypeVar("Response")
Handler = Callable[["Servicer", Request, grpc.ServicerContext], Response]


def plugin_version() -> str:
    """The version of the vendor's SDK that programs here are written against."""
    try:
        return version("pulumi_kubernetes")
    except PackageNotFoundError:
        return "4.0.0"


def _answers(handler: Handler[Request, Response]) -> Handler[Request, Response]:
    """Errors of the plugin as gRPC status; what nobody foresaw also as a traceback on stderr."""

    @functools.wraps(handler)
    def answer(self: Servicer, request: Request, context: grpc.ServicerContext) -> Response:
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


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """One plugin process: one set of provider arguments, many resources."""

    def __init__(self, engine_address: str | None) -> None:
        self.engine = Engine(engine_address)
        self.engine_address = engine_address or ""
        self.cancelled = threading.Event()
        self.folder = Path.cwd()
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """What `Configure` set up."""
        if self._session is None:
            raise PluginError("the provider has not been configured")
        return self._session

    # ---- the plugin itself

    @_answers
    def Handshake(  # noqa: N802 - the protocol's name
        self, request: provider_pb2.ProviderHandshakeRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """What this plugin can take."""
        self._attach(request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    @_answers
    def Attach(self, request: plugin_pb2.PluginAttach, _context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """The engine's address, for a plugin that it did not start."""
        self._attach(request.address)
        return empty_pb2.Empty()

    def _attach(self, address: str) -> None:
        self.engine_address = address
        self.engine.attach(address)

    @_answers
    def GetPluginInfo(self, _request: empty_pb2.Empty, _context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:  # noqa: N802
        """The version."""
        return plugin_pb2.PluginInfo(version=plugin_version())

    @_answers
    def Cancel(self, _request: empty_pb2.Empty, _context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """Give up every wait, with what is known."""
        self.cancelled.set()
        return empty_pb2.Empty()

    @_answers
    def GetMapping(  # noqa: N802
        self, _request: provider_pb2.GetMappingRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.GetMappingResponse:
        """No mapping to other tools' types."""
        return provider_pb2.GetMappingResponse()

    # ---- the provider's arguments

    @_answers
    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """What is wrong with the arguments."""
        failures = [
            provider_pb2.CheckFailure(property=key, reason=reason)
            for key, reason in config.check(request.urn, decode(request.news))
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    @_answers
    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Whether the arguments now mean another cluster."""
        found = config.compare(decode(request.olds), decode(request.news))
        kind = provider_pb2.DiffResponse.DIFF_SOME if found.changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=kind, diffs=found.changed, replaces=found.replaces)

    @_answers
    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Take the arguments, and connect to the cluster if it can be reached."""
        variables = {key.rpartition(":")[2]: value for key, value in request.variables.items()}
        self._session = Session.open(config.Settings.of(variables), self.engine, self.cancelled)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    # ---- resources

    @_answers
    def Check(self, request: provider_pb2.CheckRequest, _context: grpc.ServicerContext) -> provider_pb2.CheckResponse:  # noqa: N802
        """The inputs as they will be sent."""
        session, log = self.session, ResourceLog(self.engine, request.urn)
        if session.provider is None and session.settings.skip_update_unreachable:
            log.keep(WARNING, "Cluster is unreachable but skipUpdateUnreachable flag is set to true, skipping...")
            return provider_pb2.CheckResponse(inputs=request.olds)
        checker = Checker(request.urn, session.settings, session.default_namespace, log)
        inputs = checker.check(decode(request.olds), decode(request.news), _naming(request), session.provider)
        if session.renderer is not None and has_secret(inputs):
            log.keep(WARNING, "rendered YAML will contain a secret value in plaintext")
        return provider_pb2.CheckResponse(inputs=encode(inputs))

    @_answers
    def Diff(self, request: provider_pb2.DiffRequest, _context: grpc.ServicerContext) -> provider_pb2.DiffResponse:  # noqa: N802
        """What an update would change."""
        session = self.session
        comparer = Comparer(request.urn, session.settings, session.provider, ResourceLog(self.engine, request.urn))
        ignored = [parse_path(path) for path in request.ignoreChanges]
        found = comparer.compare(decode(request.olds), decode(request.news), ignored)
        rendered = session.renderer is not None and session.settings.always_render
        changed = bool(found.differences or found.replaces or rendered)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=found.replaces,
            deleteBeforeReplace=found.delete_first,
            detailedDiff={difference.text: _property_diff(difference) for difference in found.differences},
            hasDetailedDiff=True,
        )

    @_answers
    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Make the object."""
        operation = Operation(request.urn, request.timeout, request.preview)
        identifier, properties = self.session.create(operation, decode(request.properties))
        return provider_pb2.CreateResponse(id=identifier, properties=encode(properties))

    @_answers
    def Read(self, request: provider_pb2.ReadRequest, _context: grpc.ServicerContext) -> provider_pb2.ReadResponse:  # noqa: N802
        """The object as it is now."""
        found = self.session.read(request.urn, request.id, decode(request.properties), decode(request.inputs))
        if found.gone:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id, properties=encode(found.properties), inputs=encode(found.inputs)
        )

    @_answers
    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Change the object."""
        ignored = [parse_path(path) for path in request.ignoreChanges]
        operation = Operation(request.urn, request.timeout, request.preview, ignored)
        properties = self.session.update(operation, decode(request.olds), decode(request.news))
        return provider_pb2.UpdateResponse(properties=encode(properties))

    @_answers
    def Delete(self, request: provider_pb2.DeleteRequest, _context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """End the object."""
        self.session.delete(Operation(request.urn, request.timeout), request.id, decode(request.properties))
        return empty_pb2.Empty()

    # ---- components and functions

    @_answers
    def Construct(  # noqa: N802
        self, request: provider_pb2.ConstructRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ConstructResponse:
        """Register a component and its children."""
        from local.kubernetes_plugin.components import Component

        return Component(request, self.session, self.folder, plugin_version()).construct()

    @_answers
    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        """Call a function."""
        from local.kubernetes_plugin.invokes import invoke

        result = invoke(request.tok, decode(request.args), self.session, self.folder)
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(result))
        return response


def _naming(request: provider_pb2.CheckRequest) -> NamingRequest:
    mode, proposed = Autonaming.PROPOSE, ""
    if request.HasField("autonaming"):
        mode, proposed = Autonaming(request.autonaming.mode), request.autonaming.proposed_name
    return NamingRequest(name_of_urn(request.urn), request.randomSeed, mode, proposed)


def _property_diff(difference: Difference) -> provider_pb2.PropertyDiff:
    kind = difference.change.value + ("_REPLACE" if difference.replaces else "")
    return provider_pb2.PropertyDiff(
        kind=provider_pb2.PropertyDiff.Kind.Value(kind), inputDiff=difference.change is Change.DELETE
    )
