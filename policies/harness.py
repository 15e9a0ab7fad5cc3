"""A test harness for Pulumi policy packs: a pack is asked as the engine asks it, in this process.

`pulumi_policy` has none. Here its own servicer is taken before it listens, and given the messages that an engine sends:
properties go through its deserialiser, so that policies see its real proxies, secrets as the engine wraps them and
values that are not known yet. Nothing but `pulumi` and `pulumi_policy` is imported: the file can be lifted out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, Protocol
from unittest import mock

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy.deserialize import SPECIAL_SECRET_SIG, SPECIAL_SIG_KEY
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE

Value = object
# Put it where a value is known only after an update.
UNKNOWN = UNKNOWN_STRING_VALUE
_CANNOT = "can't run policy"


@dataclass(frozen=True)
class Secret:
    """A value that the engine keeps secret."""

    value: Value


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A resource as the engine tells a pack of it."""

    type: str
    name: str
    props: Mapping[str, Value]
    urn: str = ""
    parent: str = ""
    dependencies: Sequence[str] = ()
    property_dependencies: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """Its URN; made up where none was given."""
        return self.urn or f"urn:pulumi:test::test::{self.type}::{self.name}"


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """What a pack said. `unknown`: a policy could not look, as a value is not known yet; the engine lets that pass."""

    policy: str
    urn: str
    message: str
    mandatory: bool
    unknown: bool


class _Captured(Exception):  # noqa: N818 – no error: it ends the pack's constructor before it serves
    def __init__(self, servicer: _Analyzer) -> None:
        super().__init__()
        self.servicer = servicer


class _Refused:
    """Raises what a policy raised, where the library would end the call; nothing else of a context is ever called."""

    def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        raise AssertionError(f"{code}: {details}")


class _Analyzer(Protocol):
    """What the library serves."""

    def Analyze(self, request: analyzer_pb2.AnalyzeRequest, context: _Refused) -> analyzer_pb2.AnalyzeResponse: ...  # noqa: N802 – gRPC's name

    def AnalyzeStack(  # noqa: N802 – gRPC's name
        self, request: analyzer_pb2.AnalyzeStackRequest, context: _Refused
    ) -> analyzer_pb2.AnalyzeResponse: ...


class Harness:
    """A pack that is asked in this process. `build` makes the pack: `lambda: PolicyPack(…)`."""

    def __init__(self, build: Callable[[], object]) -> None:
        def capture(servicer: _Analyzer, _server: object) -> None:
            raise _Captured(servicer)

        with mock.patch("pulumi_policy.policy.analyzer_pb2_grpc.add_AnalyzerServicer_to_server", capture):
            try:
                build()
            except _Captured as captured:
                self._servicer = captured.servicer
            else:
                raise ValueError("no pack was made")

    def resource(self, asked: Asked) -> list[Diagnostic]:
        """What the pack says of one resource."""
        request = analyzer_pb2.AnalyzeRequest(
            type=asked.type, urn=asked.identity, name=asked.name, properties=encode(asked.props)
        )
        return self._read(self._servicer.Analyze(request, _Refused()), asked.identity)

    def stack(self, asked: Iterable[Asked]) -> list[Diagnostic]:
        """What the pack says of all resources together."""
        request = analyzer_pb2.AnalyzeStackRequest(resources=[_analyzed(each) for each in asked])
        return self._read(self._servicer.AnalyzeStack(request, _Refused()), "")

    def all(self, asked: Sequence[Asked]) -> list[Diagnostic]:
        """What the pack says of each resource and of all together, as in one run of the engine."""
        return [*(said for each in asked for said in self.resource(each)), *self.stack(asked)]

    @staticmethod
    def _read(response: analyzer_pb2.AnalyzeResponse, urn: str) -> list[Diagnostic]:
        return [
            Diagnostic(
                policy=said.policyName,
                urn=said.urn or urn,
                message=said.message.removeprefix(said.description).strip(),
                mandatory=said.enforcementLevel == analyzer_pb2.MANDATORY,
                unknown=said.message.startswith(_CANNOT),
            )
            for said in response.diagnostics
        ]


def encode(props: Mapping[str, Value]) -> struct_pb2.Struct:
    """Properties as the engine sends them."""
    struct = struct_pb2.Struct()
    struct.update({key: _plain(value) for key, value in props.items()})  # type: ignore[misc] # whatever JSON can hold
    return struct


def _plain(value: Value) -> Value:
    if isinstance(value, Secret):
        return {SPECIAL_SIG_KEY: SPECIAL_SECRET_SIG, "value": _plain(value.value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value


def _analyzed(asked: Asked) -> analyzer_pb2.AnalyzerResource:
    message = analyzer_pb2.AnalyzerResource(
        type=asked.type,
        urn=asked.identity,
        name=asked.name,
        parent=asked.parent,
        properties=encode(asked.props),
        dependencies=list(asked.dependencies),
    )
    for key, urns in asked.property_dependencies.items():
        message.propertyDependencies[key].urns.extend(urns)
    return message
