"""The policies as Pulumi's policy pack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from unittest import mock

import grpc
import pulumi_policy.policy
from google.protobuf.message import Message
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyComplianceFramework,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)

from groundwork.garbage import look_rarely
from groundwork.parent import end_with_parent
from policies.exceptions import Exceptions
from policies.pack.rules import rules
from policies.rule import Check, Resource, Rule, StackCheck

NAME = "groundwork"
_Servicer = pulumi_policy.policy._PolicyAnalyzerServicer
Answer = analyzer_pb2.AnalyzeResponse
# They say what other objects look like, are large, and no policy is about them.
_SCHEMAS = ":CustomResourceDefinition"


def serve() -> None:
    """Serve the pack to the engine that started this process, until it ends it.

    Raises UserError where the file of exceptions cannot be read.
    """
    end_with_parent()  # the SDK waits for a goodbye
    look_rarely()
    pack(rules(), Exceptions.read())


def pack(chosen: Sequence[Rule], exceptions: Exceptions) -> PolicyPack:
    """A pack of some policies; what is excepted is not reported. Returns only where serving is prevented (tests)."""
    with mock.patch.object(pulumi_policy.policy, "_PolicyAnalyzerServicer", _narrowed(chosen)):
        return PolicyPack(NAME, [as_policy(rule, exceptions) for rule in chosen])


def _narrowed(chosen: Sequence[Rule]) -> type[_Servicer]:
    """The library's servicer, which is asked only what a policy can be about.

    It decodes a resource anew for each policy, and once more to remedy it, which no policy here does: for the CRDs of
    one environment alone that took 7 s (docs/policies.md).
    """

    class Narrowed(_Servicer):
        def __init__(
            self, name: str, version: str, policies: list[Policy], level: EnforcementLevel, *_: object
        ) -> None:
            super().__init__(name, version, policies, level)
            self._parts: dict[frozenset[str], _Servicer] = {}
            self._of = (name, version, policies, level)

        def _part(self, ids: frozenset[str]) -> _Servicer:
            """A servicer of some of the policies."""
            if ids not in self._parts:
                name, version, policies, level = self._of
                self._parts[ids] = _Servicer(name, version, [each for each in policies if each.name in ids], level)
            return self._parts[ids]

        def Analyze(self, request: analyzer_pb2.AnalyzeRequest, context: grpc.ServicerContext) -> Answer:  # noqa: N802 – gRPC's name
            ids = frozenset(rule.id for rule in chosen if rule.check is not None and rule.concerns(request.type))
            return _answer(self._part(ids), "Analyze", request, context) if ids else Answer()

        def AnalyzeStack(self, request: analyzer_pb2.AnalyzeStackRequest, context: grpc.ServicerContext) -> Answer:  # noqa: N802 – gRPC's name
            kept = [each for each in request.resources if not each.type.endswith(_SCHEMAS)]
            types = {each.type for each in kept}
            ids = frozenset(rule.id for rule in chosen if rule.stack is not None and any(map(rule.concerns, types)))
            asked = analyzer_pb2.AnalyzeStackRequest(resources=kept)
            return _answer(self._part(ids), "AnalyzeStack", asked, context) if ids else Answer()

        def Remediate(  # noqa: N802 – gRPC's name
            self, _request: analyzer_pb2.AnalyzeRequest, _context: grpc.ServicerContext
        ) -> analyzer_pb2.RemediateResponse:
            return analyzer_pb2.RemediateResponse()

    return Narrowed


def _answer(part: _Servicer, method: str, request: Message, context: grpc.ServicerContext) -> Answer:
    """The library's methods have no types."""
    answer = getattr(part, method)(request, context)
    assert isinstance(answer, Answer)  # noqa: S101 – the protocol says so
    return answer


def as_policy(rule: Rule, exceptions: Exceptions) -> Policy:
    """A policy as the library's class. `critical` and `high` are mandatory, the others advisory."""
    level = EnforcementLevel.MANDATORY if rule.severity.stops else EnforcementLevel.ADVISORY
    framework = PolicyComplianceFramework(name="groundwork", specification=", ".join(rule.frameworks))
    if rule.check is not None:
        return ResourceValidationPolicy(
            name=rule.id,
            description=f"{rule.title}. Fix: {rule.remediation}",
            validate=_of_resource(rule, rule.check, exceptions),
            enforcement_level=level,
            severity=Severity(rule.severity.value),
            framework=framework,
        )
    if rule.stack is None:
        raise ValueError(f"{rule.id} has no check")
    return StackValidationPolicy(
        name=rule.id,
        description=f"{rule.title}. Fix: {rule.remediation}",
        validate=_of_stack(rule, rule.stack, exceptions),
        enforcement_level=level,
        severity=Severity(rule.severity.value),
        framework=framework,
    )


def _of_resource(
    rule: Rule, check: Check, exceptions: Exceptions
) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        if not rule.concerns(args.resource_type) or exceptions.allow(rule.id, args.urn):
            return
        resource = Resource(type=args.resource_type, urn=args.urn, name=args.name, props=args.props)
        for message in check(resource):
            report_violation(message, None)

    return validate


def _of_stack(
    rule: Rule, check: StackCheck, exceptions: Exceptions
) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        seen = [
            Resource(type=each.resource_type, urn=each.urn, name=each.name, props=each.props) for each in args.resources
        ]
        for resource, message in check(seen):
            if not exceptions.allow(rule.id, resource.urn):
                report_violation(message, resource.urn)

    return validate
