"""Queues and topics are encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from policies.rule import Resource, Rule, Severity


def _check(resource: Resource) -> Iterator[str]:
    if resource.at("kmsMasterKeyId") is None and resource.at("sqsManagedSseEnabled") is not True:
        yield "is not encrypted"


RULE = Rule(
    id="aws-queues",
    title="Queues and topics are encrypted",
    severity=Severity.HIGH,
    frameworks=(
        "FSBP SQS.1",
        "NIST SP 800-53r5 SC-28",
    ),
    remediation="set kmsMasterKeyId (queues: or sqsManagedSseEnabled)",
    types=frozenset({"aws:sqs/queue:Queue", "aws:sns/topic:Topic"}),
    check=_check,
)
