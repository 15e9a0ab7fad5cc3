"""The gRPC side: the engine's requests as calls on plain JSON."""

from __future__ import annotations

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from local.aws_plugin import settings as config
from local.aws_plugin.account import Account
from local.aws_plugin.changing import Changer
from local.aws_plugin.handlers import resource_of
from local.aws_plugin.invokes import invoke
from local.aws_plugin.journal import Journal
from local.aws_plugin.same import seen
from local.plugin.diffing import parse_path
from local.plugin.errors import PluginError
from local.plugin.naming import naming_of
from local.plugin.servicer import PluginServicer, answers, property_diff, version_of
from local.plugin.values import decode, encode, mark_secrets, plain


class Servicer(PluginServicer):
    """One plugin process: one account, many resources."""

    def __init__(self, engine_address: str | None) -> None:
        super().__init__(engine_address, version_of("pulumi_aws"))
        self._account: Account | None = None
        self._journal = Journal.of_environment()

    @property
    def account(self) -> Account:
        """What `Configure` set up."""
        if self._account is None:
            raise PluginError("the provider has not been configured")
        return self._account

    @answers
    def CheckConfig(  # noqa: N802 - the protocol's names
        self, request: provider_pb2.CheckRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """What is wrong with the arguments."""
        failures = [
            provider_pb2.CheckFailure(property=key, reason=reason) for key, reason in config.check(decode(request.news))
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    @answers
    def DiffConfig(  # noqa: N802
        self, request: provider_pb2.DiffRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Whether the arguments changed; another region means other resources."""
        old, new = plain(decode(request.olds)), plain(decode(request.news))
        changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        kind = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=kind, diffs=changed, replaces=[key for key in changed if key == "region"]
        )

    @answers
    def Configure(  # noqa: N802
        self, request: provider_pb2.ConfigureRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Take the arguments. Nobody is asked yet: a preview needs no account."""
        self.prepared()
        variables = {key.rpartition(":")[2]: value for key, value in request.variables.items()}
        self._account = Account(config.Settings.of(variables))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @answers
    def Check(self, request: provider_pb2.CheckRequest, _context: grpc.ServicerContext) -> provider_pb2.CheckResponse:  # noqa: N802
        """The inputs as they will be sent, or what is wrong with them."""
        resource = resource_of(request.urn, self.account)
        inputs, problems = resource.check(decode(request.olds), decode(request.news), naming_of(request))
        failures = [provider_pb2.CheckFailure(property=key, reason=reason) for key, reason in problems]
        return provider_pb2.CheckResponse(inputs=encode(inputs), failures=failures)

    @answers
    def Diff(self, request: provider_pb2.DiffRequest, _context: grpc.ServicerContext) -> provider_pb2.DiffResponse:  # noqa: N802
        """What an update would change."""
        changer = Changer(resource_of(request.urn, self.account))
        ignored = [parse_path(path) for path in request.ignoreChanges]
        found = changer.compare(decode(request.old_inputs), decode(request.news), ignored)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if found.differences else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=found.replaces,
            deleteBeforeReplace=found.delete_first,
            detailedDiff={difference.text: property_diff(difference) for difference in found.differences},
            hasDetailedDiff=True,
        )

    @answers
    def Create(  # noqa: N802
        self, request: provider_pb2.CreateRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Make the resource."""
        resource = resource_of(request.urn, self.account, self._journal, request.timeout)
        inputs = decode(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=encode(resource.preview(inputs)))
        _ = self.account.number  # the account must be one of those allowed before anything is made
        identifier, properties = resource.create(inputs)
        return provider_pb2.CreateResponse(id=identifier, properties=encode(properties))

    @answers
    def Read(self, request: provider_pb2.ReadRequest, _context: grpc.ServicerContext) -> provider_pb2.ReadResponse:  # noqa: N802
        """The resource as it is now."""
        resource = resource_of(request.urn, self.account)
        inputs, state = decode(request.inputs), decode(request.properties)
        live = resource.live(request.id, {**state, **inputs})
        if live is None:
            return provider_pb2.ReadResponse()
        known = seen(inputs, live) if inputs else resource.imported(request.id, live)
        properties = resource.outputs(known, live)
        marked = mark_secrets(properties, state)
        return provider_pb2.ReadResponse(
            id=request.id, properties=encode(marked), inputs=encode(mark_secrets(known, inputs))
        )

    @answers
    def Update(  # noqa: N802
        self, request: provider_pb2.UpdateRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Change the resource."""
        changer = Changer(resource_of(request.urn, self.account, timeout=request.timeout))
        state, new = decode(request.olds), decode(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=encode(changer.preview(state, new)))
        properties = changer.update(request.id, state, decode(request.old_inputs), new)
        return provider_pb2.UpdateResponse(properties=encode(properties))

    @answers
    def Delete(self, request: provider_pb2.DeleteRequest, _context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: N802
        """End the resource."""
        resource = resource_of(request.urn, self.account, self._journal, request.timeout)
        resource.delete(request.id, decode(request.properties))
        return empty_pb2.Empty()

    @answers
    def Invoke(  # noqa: N802
        self, request: provider_pb2.InvokeRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        """Call a function."""
        result = invoke(request.tok, plain(decode(request.args)), self.account)
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(encode(result))
        return response
