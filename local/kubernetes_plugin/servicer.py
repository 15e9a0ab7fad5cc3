"""The gRPC side: the engine's requests as calls on plain JSON."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from local.kubernetes_plugin import settings as config
from local.kubernetes_plugin.checking import Checker
from local.kubernetes_plugin.comparing import Comparer
from local.kubernetes_plugin.provider import Operation
from local.kubernetes_plugin.session import Session
from local.plugin.diffing import parse_path
from local.plugin.errors import PluginError
from local.plugin.host import WARNING, ResourceLog
from local.plugin.naming import naming_of
from local.plugin.servicer import PluginServicer, answers, property_diff, version_of
from local.plugin.values import decode, encode, has_secret


class Servicer(PluginServicer):
    """One plugin process: one set of provider arguments, many resources."""

    def __init__(self, engine_address: str | None) -> None:
        super().__init__(engine_address, version_of("pulumi_kubernetes"))
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """What `Configure` set up."""
        if self._session is None:
            raise PluginError("the provider has not been configured")
        return self._session

    # ---- the provider's arguments

    @answers
    def CheckConfig(  # noqa: N802
        self, request: provider_pb2.CheckRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """What is wrong with the arguments."""
        failures = [
            provider_pb2.CheckFailure(property=key, reason=reason)
            for key, reason in config.check(request.urn, decode(request.news))
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    @answers
    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Whether the arguments now mean another cluster."""
        found = config.compare(decode(request.olds), decode(request.news))
        kind = provider_pb2.DiffResponse.DIFF_SOME if found.changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=kind, diffs=found.changed, replaces=found.replaces)

    @answers
    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Take the arguments, and connect to the cluster if it can be reached."""
        self.prepared()
        variables = {key.rpartition(":")[2]: value for key, value in request.variables.items()}
        self._session = Session.open(config.Settings.of(variables), self.engine, self.cancelled)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    # ---- resources

    @answers
    def Check(self, request: provider_pb2.CheckRequest, _context: grpc.ServicerContext) -> provider_pb2.CheckResponse:  # noqa: N802
        """The inputs as they will be sent."""
        session, log = self.session, ResourceLog(self.engine, request.urn)
        if session.provider is None and session.settings.skip_update_unreachable:
            log.keep(WARNING, "Cluster is unreachable but skipUpdateUnreachable flag is set to true, skipping...")
            return provider_pb2.CheckResponse(inputs=request.olds)
        checker = Checker(request.urn, session.settings, session.default_namespace, log)
        inputs = checker.check(decode(request.olds), decode(request.news), naming_of(request), session.provider)
        if session.renderer is not None and has_secret(inputs):
            log.keep(WARNING, "rendered YAML will contain a secret value in plaintext")
        return provider_pb2.CheckResponse(inputs=encode(inputs))

    @answers
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
            detailedDiff={difference.text: property_diff(difference) for difference in found.differences},
            hasDetailedDiff=True,
        )

    @answers
    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Make the object."""
        operation = Operation(request.urn, request.timeout, request.preview)
        identifier, properties = self.session.create(operation, decode(request.properties))
        return provider_pb2.CreateResponse(id=identifier, properties=encode(properties))

    @answers
    def Read(self, request: provider_pb2.ReadRequest, _context: grpc.ServicerContext) -> provider_pb2.ReadResponse:  # noqa: N802
        """The object as it is now."""
        found = self.session.read(request.urn, request.id, decode(request.properties), decode(request.inputs))
        if found.gone:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=request.id, properties=encode(found.properties), inputs=encode(found.inputs)
        )

    @answers
    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Change the object."""
        ignored = [parse_path(path) for path in request.ignoreChanges]
        operation = Operation(request.urn, request.timeout, request.preview, ignored)
        properties = self.session.update(operation, decode(request.olds), decode(request.news))
        return provider_pb2.UpdateResponse(properties=encode(properties))

    @answers
    def Delete(self, request: provider_pb2.DeleteRequest, _context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """End the object."""
        self.session.delete(Operation(request.urn, request.timeout), request.id, decode(request.properties))
        return empty_pb2.Empty()

    # ---- components and functions

    @answers
    def Construct(  # noqa: N802
        self, request: provider_pb2.ConstructRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ConstructResponse:
        """Register a component and its children."""
        from local.kubernetes_plugin.components import Component

        return Component(request, self.session, self.folder, self.version).construct()

    @answers
    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        """Call a function."""
        from local.kubernetes_plugin.invokes import invoke

        result = invoke(request.tok, decode(request.args), self.session, self.folder)
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(result))
        return response
